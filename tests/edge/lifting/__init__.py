"""From keypoints and pose kernels to metric 3D poses."""
