"""`posekernel calibrate`."""
