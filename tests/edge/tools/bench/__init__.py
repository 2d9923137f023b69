"""`posekernel bench`."""
