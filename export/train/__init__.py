"""Trains the networks `ray` and `volume` with PyTorch (extra: train).

train_config       the numbers of a run
training           a run from start to end, resumable
vision_training    its first part: the vision network, which needs no sound
samples            dataset folders in memory, and samples of them, changed at random
batches            samples become tensors, by the runtime's own input code
ray_network        the vision network and `ray`
volume_network     `volume`
losses             what training minimises, and the decoded joints
optimisation       steps of the optimizer
checkpoints        files of a run
team               several processes, as one
conversion         a checkpoint becomes the .tflite files that ship, and back
"""
