"""Moments of a scene: who is in them, where they stand, and what a sensor records of them."""
