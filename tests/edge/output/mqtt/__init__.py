"""Publishing to real brokers."""
