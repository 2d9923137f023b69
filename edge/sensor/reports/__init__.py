"""What a running sensor tells of itself: `telemetry` in numbers, `condition` in words."""
