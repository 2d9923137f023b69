"""Recordings -> pose kernels. README.md tells how, and which file does what."""
