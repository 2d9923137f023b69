"""The setup for tests: a keyboard on its page, and a card that can be calibrated."""
