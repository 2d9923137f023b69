"""The sensor's frame beside other libraries.

parts      a whole frame with parts of it done by other libraries
by_people  a whole frame by how many people are posed, beside MediaPipe
"""
