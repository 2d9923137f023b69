"""Single measurements behind the published tables, which are in results/.

first_light         a real person's distance on a calibrated video, with simulated sound
detector_fit        fits the 2D detector's error model (simulate/data)
calibration_cases   arrays with faults, through `posekernel calibrate`
calibration_report  their report
microphone_cases    arrays with a faulty microphone, through the running sensor's judge
microphone_report   their report
living_room         somebody at home in a simulated room in which things change
changing_room       poses while they do, and of somebody who sits still for half an hour
changing_room_report  their report
tracked_people      2D joints and poses of single images through the sensor's tracks
falls/              acted falls through these and the sensor's events
quiet/              error against loudness, on simulated evenings
peers/              a whole frame beside other libraries
"""
