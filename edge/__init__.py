"""The sensor. Packages in the order in which a frame flows; each imports only from those before it.

core       pose, rig, configuration, calibration file, errors, the networks' runtime
sound      excitation and deconvolution to pose kernels; the empty room
sources    sound card, camera, recorded sessions
sight      person and 2D keypoints in an image
lifting    keypoints and pose kernels to joints in metres
behaviour  tracks, posture, floor, zones, falls
output     messages, MQTT, live page
sensor     the pipeline, and a sensor that runs it
tools      the commands of `posekernel`, doctor, calibration, bench
"""

__version__ = "0.1.0"
