"""The commands of `posekernel`, a module each: `add` declares it, `run` carries it out.

`add` runs at every start, so a module imports what its command needs only inside `run`.
"""
