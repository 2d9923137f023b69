"""All tests: see README.md."""
