"""The empty room and what changes in it."""
