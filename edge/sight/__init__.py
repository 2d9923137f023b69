"""Images -> 2D joints of the most prominent person.

In: (H, W, 3) uint8 RGB. Out: `Keypoints`, 25 joints in pixels with a confidence (BODY_25 order),
BlazePose's shape prior in metres up to scale, and how many people are in view; None where nobody
is seen.

keypoints.BlazePose follows one person and counts the others. person_detector finds people in the
image or a window of it, landmarks finds one person's joints, sides corrects frames in which the
network takes a front for a back.
"""
