"""Body shapes and poses."""
