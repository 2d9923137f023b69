"""How well `posekernel calibrate` knows the loudness at 1 m: `cases` simulates loudspeakers whose
loudness is known and measures them, `report` is the page.
"""
