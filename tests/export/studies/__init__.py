"""Studies behind the results pages."""
