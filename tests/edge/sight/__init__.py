"""Person detection and 2D keypoints."""
