"""Errors of a lifter on a dataset folder.

metrics        errors of 3D poses, and statistics with bootstrap intervals
evaluation     runs a lifter over a folder: errors overall and by distance, pose, room and so on
text_tables    an evaluation, or several side by side, as text
html_report    an evaluation as one HTML file
html_figures   its plots

A lifter is anything that fits `evaluation.Predictor`; export.baselines has them by name.
"""
