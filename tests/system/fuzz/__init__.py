"""Coverage-guided fuzzing of all that is read from outside."""
