"""What sound tells of who is there, and who is a picture.

rooms  simulated people and pictures before the sensor
fit    the log likelihood ratio, by distance and expected echo
"""
