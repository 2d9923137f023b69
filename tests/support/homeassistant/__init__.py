"""A running Home Assistant for tests."""
