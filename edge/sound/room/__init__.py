"""The empty room: learned, followed through drift, subtracted from each response.

In: analytic responses (P, T) complex64 of one period, its time [ns], whether somebody may be in the
room, and the earliest time of arrival of a body (P,) [s]. Out: pose kernels (P, T), or None until
the empty room is known.

background.Background is the whole flow. It asks candidate for the first empty room, schedule when
to learn, drift_tracker (over drift and late_reverberation, interval and late_model) how the room must sound now, and motion
which echoes keep still; saved_room is its file.
"""
