"""Training samples: what a dataset folder stores, and what is made of it.

stored_samples  dataset folders in memory
augmentation    the ranges that samples are drawn from, and the changes to one
sound_set       samples as recorded or augmented
"""
