"""Tests of the sensor, in the order of its packages."""
