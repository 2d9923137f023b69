"""Errors of a lifter on a dataset folder, person by person.

metrics        errors of 3D poses, and statistics with bootstrap intervals
evaluation     runs a lifter over a folder: errors overall and by number of people and so on
labels         the groups that a person in a sample belongs to
text_tables    an evaluation, or several side by side, as text
html_report    an evaluation as one HTML file
html_figures   its plots

A lifter is anything that fits `evaluation.Predictor`; export.baselines has them by name.
"""
