"""From what image and sound show of somebody to their pose in metres.

poser      lifts everybody, and learns from that how tall they are and how high the camera hangs
shares     who is lifted together, and with which sound
listening  which sound fits whom while the loudspeaker only sounds now and then
"""
