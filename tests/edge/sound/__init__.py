"""From a recording to pose kernels."""
