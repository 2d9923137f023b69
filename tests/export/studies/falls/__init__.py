"""Acted falls."""
