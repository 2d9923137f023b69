"""`posekernel bench`: report.py measures everything and gives the verdict.

stages.py times the stages of a real run, networks.py keypoints and lifter in all variants,
sensors.py a replay and a sensor in real time, each in a process of its own. choose.py picks what is
fastest, compare.py compares two reports.
"""
