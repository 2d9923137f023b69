"""The workshop behind the sensor: simulates, trains and measures; nothing here runs on a device.

From the lowest layer up, each imports only those before it (and `edge`):

acoustics   sound in a room: physical optics on a body's surface, image sources, late reverberation
bodies      people: a body bank, poses, motion capture, acted takes
simulate    what a sensor would record of them: samples, whole datasets, sessions
evaluate    errors of any lifter on a dataset folder, with intervals, tables and a report
train       the networks `ray` and `volume` in PyTorch, and their conversion to TFLite
baselines   other methods to compare with, and the names that `evaluate --lifter` takes
studies     single measurements; their tables are in studies/results
commands    the subcommands of `posekernel-export`, one file each

README.md shows the commands.
"""
