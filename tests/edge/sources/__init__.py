"""Cameras, sound cards and recorded sessions."""
