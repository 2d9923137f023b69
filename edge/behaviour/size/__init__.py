"""How tall somebody is, found over time: a person keeps their size."""
