"""The subcommands of posekernel-export, one file each: `add(subparsers)` declares it and names the
function that runs it.
"""
