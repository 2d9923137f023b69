"""Methods to compare the networks with, and every lifter by the name that `--lifter` takes.

predictors          the names
network_predictor   the shipped networks, whole or with an input taken away
vision_baselines    the image alone: body height, floor contact, depth regression, learned lifting
sound_baselines     sound alone: first arrival, learned regression; and the geometric lifter
one_by_one          lifts each of several people as if alone
body_fit            a body of known height, fitted to the 2D joints
image_network       inputs and outputs of the learned image baselines
mlp, trainable      small networks in numpy, and the same in PyTorch
train_baselines     trains them all, with image_training and sound_training

data/ has their weights.
"""
