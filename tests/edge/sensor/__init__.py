"""The running sensor: pipeline, control, permissions, process."""
