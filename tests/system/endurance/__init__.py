"""A sensor watched for hours: `python -m tests.system.endurance`. `sensor` runs it, `watch` samples
it, `report` judges and writes.
"""
