"""The command line and what it does beside running the sensor.

`commands` holds a module a command; `doctor` the checks of an installation, `calibration` the
measurements of a rig, `bench` the speed of a machine. `new_config` makes a configuration for an
array and a board, `recording` writes a session from the devices, `dataset_replay` lifts the samples
of a dataset folder, `self_test` compares the poses of the shipped session with its truth.
"""
