"""Conversion: models that ship, and those that are to ship."""
