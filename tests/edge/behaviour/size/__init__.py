"""Tracks, postures, zones and falls."""
