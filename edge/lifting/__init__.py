"""2D joints and pose kernels -> joints in metres. README.md tells how, and which file does what."""
