"""MQTT: what a sensor publishes, and the commands it receives.

`publisher` is what other packages use. It is made of `client` (connects, and again after a break),
`stream` (QoS 0: sent at once or dropped), `traffic` (QoS 1: `retained` topics, answers, and events
through `outbox` and `delivery`) and `command_queue`. `connection` is one connection of paho,
`access` its password, TLS and refusals in words, and `wire` its messages and the broker's limits.
Apart from a running sensor: `broker_visit` checks a broker for `doctor` and forgets a device,
`embedded_broker` runs one for `demo`.
"""
