"""A person's size, found over time."""
