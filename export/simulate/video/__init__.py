"""Videos of calibrated cameras as sessions.

calibration   a Qualisys calibration and its videos
people3d      the 3D joints of everybody, triangulated from the cameras
session       one camera's frames with the sound that an array below it would have recorded
"""
