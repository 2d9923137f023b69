"""What leaves the sensor: `messages`, to an MQTT broker by `mqtt`, to a browser by `page`, to a
file by `message_file`, to an avatar by `osc`; `outlets` are all of them together.
"""
