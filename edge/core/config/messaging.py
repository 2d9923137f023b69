"""Sections [mqtt], [web], [osc] and [telemetry]: what is published, and how."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.core.typed import Strict


class MqttConfig(Strict, frozen=True):
    """The broker. password_file: holds the password; the environment variable
    POSEKERNEL_MQTT_PASSWORD is the other place for it. protocol: 5, or 311 for MQTT 3.1.1.

    discovery: announce the sensor to Home Assistant, below discovery_prefix (Home Assistant's own
    setting of that name). format: of the pose stream; the live page reads JSON only. pose_rate_hz:
    most poses a second that are sent, 0 = all. envelope_rate_hz: echo profiles a second for the
    live page, 0 = none. session_s: how long the broker keeps commands for a device that is away
    (MQTT 5). outbox: file for events that wait for the broker, "" = <id>.outbox in
    runtime.state_dir; outbox_events: how many, before the oldest is dropped.
    """

    enabled: bool = True
    host: str = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    protocol: Literal[5, 311] = 5
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    base_topic: str = "posekernel"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    discovery: bool = True
    discovery_prefix: str = "homeassistant"
    session_s: Annotated[int, Meta(ge=0, le=604800)] = 3600
    outbox: str = ""
    outbox_events: Annotated[int, Meta(ge=10, le=100000)] = 1000
    pose_rate_hz: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.0
    envelope_rate_hz: Annotated[float, Meta(ge=0.0, le=2.0)] = 2.0
    format: Literal["json", "cbor"] = "json"


class WebConfig(Strict, frozen=True):
    """The live page. port: 0 = any. websocket_url: the broker's, as the browser reaches it.
    password_file: holds the page's password, "" for codes only; the sensor puts its hash there.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    websocket_url: str = ""
    password_file: str = ""


class OscConfig(Strict, frozen=True):
    """One person as an avatar (VMC protocol, OSC over UDP). host, port: of the avatar program.

    person: "nearest" of those present, or a number as in the messages.
    """

    enabled: bool = False
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 39539
    person: Literal["nearest"] | Annotated[int, Meta(ge=1)] = "nearest"


class TelemetryConfig(Strict, frozen=True):
    """The sensor's health. interval_s: between two messages."""

    interval_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = 30.0
