"""Networks, training and conversion."""
