"""What happens over time: one person's poses -> a smooth track, what the person does, falls.

In: `LiftedPose` and its time [ns]. Out: the smoothed pose; `Activity` (posture, place, heading,
speed, heights, zones; None or "unknown" where it is not known); a `Fall` and its end.

track smooths the pose. activity follows what the person does, over posture (one pose), floor
(where the floor really is) and zones; fall watches activities. All but track need the camera's
height and tilt.
"""
