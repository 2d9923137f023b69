"""Sections [mqtt], [web] and [telemetry]: what is published, and how."""

from dataclasses import dataclass

from edge.core.toml_fields import choice, limited


@dataclass(frozen=True)
class MqttConfig:
    """Broker. password_file: the password's only home besides the environment variable
    POSEKERNEL_MQTT_PASSWORD.

    discovery: announce the sensor to Home Assistant, below discovery_prefix (Home Assistant's own
    setting of that name). format: of the pose stream; the live page reads JSON only. pose_rate_hz:
    no more poses a second are sent, 0 = all. envelope_rate_hz: echo profiles a second, which the
    live page draws, 0 = none. session_s: how long the broker keeps commands for a device that is
    away (MQTT 5). outbox: file for events that wait for the broker, "" = <id>.outbox in
    runtime.state_dir; outbox_events: how many, before the oldest is dropped.
    """

    enabled: bool = True
    host: str = "localhost"
    port: int = limited(1883, 1, 65535)
    protocol: int = limited(5, 5, 311)
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    base_topic: str = "posekernel"
    keepalive_s: int = limited(30, 5, 3600)
    discovery: bool = True
    discovery_prefix: str = "homeassistant"
    session_s: int = limited(3600, 0, 604800)
    outbox: str = ""
    outbox_events: int = limited(1000, 10, 100000)
    pose_rate_hz: float = limited(0.0, 0.0, 100.0)
    envelope_rate_hz: float = limited(2.0, 0.0, 2.0)
    format: str = choice("json", ("json", "cbor"))


@dataclass(frozen=True)
class WebConfig:
    """The live page. port: 0 = any free one. websocket_url: the broker's WebSockets listener, as
    the browser reaches it.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: int = limited(8080, 0, 65535)
    websocket_url: str = ""


@dataclass(frozen=True)
class TelemetryConfig:
    """The sensor's health. interval_s: between two messages."""

    interval_s: float = limited(30.0, 1.0, 3600.0)
