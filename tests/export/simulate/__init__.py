"""Simulated samples and sessions."""
