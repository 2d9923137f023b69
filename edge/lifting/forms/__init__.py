"""The forms of the fusion network: where in space it hears, and what its outputs mean."""
