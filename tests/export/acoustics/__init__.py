"""Sound in rooms and on bodies."""
