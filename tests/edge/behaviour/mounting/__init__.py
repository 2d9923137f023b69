"""What people tell of how the camera is mounted."""
