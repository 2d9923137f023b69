"""What Home Assistant is told, and what a running one makes of it."""
