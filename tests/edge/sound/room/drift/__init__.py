"""The drift of the empty room and of its late reverberation."""
