"""`posekernel calibrate`: flow.py is the whole calibration.

takes.py records the loudspeaker, places.py asks for it to be moved. array_check.py examines what
was recorded: sample_clock.py, channels.py, time_of_flight.py and array_geometry.py measure,
geometry_steps.py says what the geometry means. room_residual.py learns the empty room, charuco.py
and walk.py calibrate the camera.
"""
