"""People who move about before the camera, as input of the sensor from the 2D joints on.

scripts         1-4 people walk, cross, hide one another, come and go, sit: joints over time
motions         one person who walks, sits down or gestures, at the instants of a camera's images
places          where somebody can stand in view
homes           living rooms, and whoever lives there
sights          what a detector finds of them, with joints hidden by the other bodies
lasting_errors  a detector whose errors stay from one image to the next
imageless       the sensor's own pipeline from the 2D joints on
stream          a scene through the sensor's own pipeline: simulated sound, no images
"""
