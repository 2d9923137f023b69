"""The subcommands of posekernel-export, one file each: `add(subparsers)` declares one, `run(args)`
is what it does and returns the exit code.

simulation   datasets, sessions, the detector model
networks     training, conversion and evaluation
studies      single measurements
"""
