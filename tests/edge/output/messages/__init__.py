"""Messages and their schemas."""
