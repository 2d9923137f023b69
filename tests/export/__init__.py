"""Tests of simulation, evaluation and training."""
