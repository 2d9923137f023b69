"""Configuration, geometry, files, compilation and inference."""
