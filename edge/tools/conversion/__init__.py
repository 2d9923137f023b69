"""Pose messages to skeleton files of other programs: `takes` reads them, `timeline` puts them at
even times, `bvh`, `trc` and `table` write.
"""
