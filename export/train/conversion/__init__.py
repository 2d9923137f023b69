"""Between a checkpoint and the files that ship.

quantize      writes float and int8 .tflite files and their card
tflite_files  the converters
file_checks   the files against PyTorch, each other and the truth; calibration of the 1-sigma
shipped       weights of a shipped model, to train on from
"""
