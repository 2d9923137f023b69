"""`posekernel doctor`: checks.py lists all checks in their order; a module a group of checks."""
