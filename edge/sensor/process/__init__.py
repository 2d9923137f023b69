"""The process around a sensor: how it starts and ends, its memory, and what systemd knows of it."""
