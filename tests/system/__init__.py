"""Whole programs with real parts."""
