"""The study of loudness."""
