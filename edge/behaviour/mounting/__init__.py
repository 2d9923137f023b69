"""What the people in view tell of how the camera is mounted.

heads_down     they stand on their heads: it hangs upside down
camera_height  they stand off the floor: its height is not the configured one
kept_height    what they showed of that, over a restart
camera_checks  all of it, for the running sensor
"""
