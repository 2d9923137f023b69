"""Cameras as sources of frames.

`grabber` keeps the newest image of any back-end and opens it again when it fails; `owner` lets go
of it before. `facts` compares what a driver gives with what was asked for. `backend` is what a
back-end does, and each has a file: `picamera` (Raspberry Pi), `v4l2` (USB and CSI), `gstreamer`
(Jetson) and `video_file`.
"""
