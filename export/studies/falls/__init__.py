"""Acted falls, and what is easily taken for one, through the sensor's own tracks and events.

lifter_errors  poses with a lifter's errors, without simulated sound
acted_sensor   takes that happen at once before one sensor
one_person     one person at a time, with false alarms and postures
two_people     falls while somebody else walks about
"""
