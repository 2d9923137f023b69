"""`posekernel bench`: report.py measures everything and gives the verdict.

stages.py times the stages of a real run, networks.py keypoints and lifter in all variants,
throughput.py a replay and latency.py a sensor in real time, each in a process of its own that
sensor_config.py configures. choose.py picks what is fastest, compare.py compares two reports,
tables.py prints one.
"""
