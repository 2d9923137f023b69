"""The empty room: background, drift and late reverberation."""
