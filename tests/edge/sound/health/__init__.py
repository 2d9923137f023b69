"""Whether every microphone still works."""
