"""Cameras and films for tests, as strict as real ones."""
