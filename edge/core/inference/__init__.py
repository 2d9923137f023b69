"""TFLite networks: the adapter to either runtime, and how they run on this board."""
