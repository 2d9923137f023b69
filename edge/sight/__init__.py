"""Images -> 2D joints of everybody in view, and whether an image can show anybody.

In: (H, W, 3) uint8 RGB. Out: a list of `Keypoints`, 25 joints in pixels with a confidence (BODY_25
order), the most prominent person first; empty where nobody is seen.

people.PeopleFinder does it all: movenet holds the two networks (MultiPose finds people in the image
or a part of it, Thunder one person's joints in a crop), shrinking makes images smaller for them,
steady says which images MultiPose may skip, overlap keeps people apart who overlap in the image.
Joints that cannot be seen (outside the image, behind furniture or another person) have a confidence
below `edge.core.pose.SEEN`. visibility tells a dark or covered image from an empty room.
"""
