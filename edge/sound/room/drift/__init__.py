"""How the empty room's response drifts, and how it must sound now.

tracker is the whole flow: it follows gain, offset and stretch (warp) from period to period, and
what they do to late reverberation (late_reverberation, over interval and late_model).
"""
