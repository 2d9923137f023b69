"""What happens over time: everybody's joints, image after image -> who is who and does what.

In: `Keypoints` and `LiftedPose` of everybody in an image, and its time [ns]. Out: a
`PersonEstimate` each, with a number that stays; a `Fall` and its end.

tracks joins an image's people to those of the images before, each of them a track. people remembers
everybody by number: smoothing (the pose), presence (whether this is somebody in the room) and
activity (posture, place, heading, speed), over posture (one pose), floor (where the floor really
is, as everybody's feet show) and zones. fall watches activities. size tells how tall somebody is,
and mounting whether the camera hangs as configured, both over places, each of which counts once.
What needs the camera's height and tilt is None or "unknown" without.
"""
