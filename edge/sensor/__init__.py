"""A running sensor: from a configuration to poses that are sent.

`run` is the whole program. `plan` says what the source is and opens it, with the calibration from
`apply_calibration`. `pipeline` turns one frame and its sound into everybody's pose (`posing`),
with the `empty_room` taken out of the sound; `loops` feeds it, live or offline, after `warm_up`.
`permissions` decides whether the sensor may see, hear and sound; `control` carries out commands and
sends `telemetry`. `console` prints, `systemd` keeps the watchdog informed, `process` handles
signals and memory.
"""
