"""The setup as a page: `server` serves it, `session` answers its requests, `live_picture` shows
once what the camera sees.
"""
