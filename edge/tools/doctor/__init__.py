"""`posekernel doctor`: examination.py lists all checks in order; a module a group of checks."""
