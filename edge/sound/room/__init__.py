"""The empty room: learned, followed through drift, subtracted from each response.

In: analytic responses (P, T) complex64 of one period, its time [ns], and of everybody in view the
earliest time of arrival (P,) [s] and how far they moved. Out: pose kernels (P, T), or None until
the empty room is known.

background.Background is the whole flow. It asks candidate for the first empty room, schedule when
to learn, furniture what was changed while people (occupant) are there, and drift how the room must
sound now; subtraction takes that out. furniture asks static_echoes what keeps its place while
people move, and notes it in change_log. room_doubt weighs bursts and music by their noise.
learned_room is what was learned, saved_room its file.
"""
