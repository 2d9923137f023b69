"""What the lifters are compared with."""
