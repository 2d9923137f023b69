"""Calibration of a rig: what is heard and seen against what the configuration says.

In the order in which one calibration flows: takes.py (raw sound from a device or a session), clock.py (drift), channels.py
(loopback, dead channels, levels), arrivals.py (direct sound to a fraction of a sample), geometry.py (order and places), room.py
(the empty room), camera.py (intrinsics, height and tilt, the scale from the floor against the scale from sound), judge.py (words
and outcomes), file.py (the TOML file), flow.py (all of it in one function).
"""
