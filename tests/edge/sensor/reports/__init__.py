"""What a running sensor tells of itself."""
