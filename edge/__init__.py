"""The runtime, in the order in which one frame flows.

Ground: errors, files, toml_fields and config, rig, pose, jit, execution (how the networks run on
this board). Sources: devices (the contracts); alsa (over alsa_card, capture_ring and alignment) and
camera (over camera_backends) for real hardware; session, session_writer and replay for recorded and
simulated sessions; dataset and dataset_replay for the training folders.

Sound: excitation -> deconvolution -> background (over aliased_tail, drift, motion, interpolation
and room_file) -> pose_kernel -> volume or rays. Image: keypoints (over person_detector and tflite).
Both: shape and lifter, or network_lifter (over mirror), chosen in lifters -> track -> activity
(over zones). Out: publish -> mqtt (over mqtt_connection, mqtt_access; events through outbox and
delivery), summary, events (over fall), envelope, homeassistant, web_server with web/; message_file
where there is no broker. In: control carries out commands, sensing applies them and quiet_hours to
the devices; telemetry tells how it goes.

pipeline runs the stages, runner a whole sensor; mqtt_check visits a broker for doctor and forget;
app, record, doctor (over self_test), bench, console and broker serve the commands of __main__;
sdnotify keeps systemd informed, memory the C library modest.
"""

__version__ = "0.1.0"
