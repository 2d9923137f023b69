"""TOML file -> frozen dataclasses, with a unit at every field; the only place of cross-field
checks.
"""

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from edge.behaviour.zones import ZoneConfig, check_zones
from edge.core.config.calibration import CalibrationConfig
from edge.core.config.sensing import SensingConfig, TelemetryConfig, check_sensing
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.core.toml_fields import choice, from_table, limited, required

Vector = tuple[float, float, float]
Threads = int | Literal["auto"]


@dataclass(frozen=True)
class DeviceConfig:
    """Who we are: the id is the MQTT topic level."""

    id: str = required()


@dataclass(frozen=True)
class SourceConfig:
    """Where sound and images come from. path, realtime, loop: for replay only."""

    kind: str = choice("device", ("device", "replay"))
    path: str = ""
    realtime: bool = True
    loop: bool = False


@dataclass(frozen=True)
class ExcitationConfig:
    """The periodic signal. level_dbfs: peak, dB of full scale; the cap protects ears and
    loudspeakers.
    """

    sample_rate_hz: int = limited(16000, 8000, 96000)
    band_hz: tuple[float, float] = (2000.0, 7500.0)
    period_s: float = limited(0.1, 0.05, 0.5)
    level_dbfs: float = limited(-20.0, -60.0, -6.0)

    @property
    def period_samples(self) -> int:
        """Samples in one period."""
        return round(self.sample_rate_hz * self.period_s)


@dataclass(frozen=True)
class AudioConfig:
    """ALSA devices and channel map. reference_channel: the loopback, -1 where the array has none.

    The buffer, alsa_period_frames * alsa_periods, is what a busy moment may last without a loss:
    half a second by default.
    """

    capture: str = "default"
    playback: str = "default"
    channels: int = limited(6, 1, 64)
    mic_channels: tuple[int, ...] = (1, 2, 3, 4)
    reference_channel: int = limited(5, -1, 63)
    playback_channels: int = limited(1, 1, 8)
    format: str = choice("S16_LE", ("S16_LE", "S32_LE"))
    alsa_period_frames: int = limited(320, 32, 16384)
    alsa_periods: int = limited(25, 2, 64)


@dataclass(frozen=True)
class CameraConfig:
    """Camera back-end. device: /dev/video0 (v4l2), a pipeline (gstreamer), a path (file), a number
    (picamera2).
    """

    backend: str = choice("picamera2", ("picamera2", "v4l2", "gstreamer", "file"))
    device: str = ""
    width: int = limited(640, 64, 8192)
    height: int = limited(480, 64, 8192)
    fps: float = limited(15.0, 0.0, 240.0)
    loop: bool = False


@dataclass(frozen=True)
class RigCameraConfig:
    """Camera intrinsics [px], OpenCV distortion and mounting. height_m: 0 where it was not
    measured.
    """

    fx: float = required(10.0, 1e5)
    fy: float = required(10.0, 1e5)
    cx: float = required(-1e5, 1e5)
    cy: float = required(-1e5, 1e5)
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    height_m: float = limited(0.0, 0.0, 20.0)
    tilt_deg: float = limited(0.0, -90.0, 90.0)
    roll_deg: float = limited(0.0, -180.0, 180.0)


@dataclass(frozen=True)
class RigConfig:
    """Positions in the camera frame [m]. pairs: empty = every microphone with every speaker."""

    camera: RigCameraConfig = required()
    speakers_m: tuple[Vector, ...] = required(-100.0, 100.0)
    mics_m: tuple[Vector, ...] = required(-100.0, 100.0)
    pairs: tuple[tuple[int, int], ...] = ()
    temperature_c: float = limited(20.0, -30.0, 60.0)


@dataclass(frozen=True)
class BackgroundConfig:
    """The empty room. snapshot: file (.npz) that keeps it over restarts, "" = learn anew at each
    start.
    """

    adapt_s: float = limited(15.0, 0.1, 600.0)
    leak_s: float = limited(300.0, 10.0, 1e6)
    track_drift: bool = True
    snapshot: str = ""


@dataclass(frozen=True)
class KeypointsConfig:
    """BlazePose. min_confidence: below it nobody is seen. threads: "auto" = see execution.py."""

    model: Literal["lite", "full"] = choice("full", ("lite", "full"))
    threads: Threads = limited("auto", 1, 16)
    min_confidence: float = limited(0.5, 0.05, 0.99)


@dataclass(frozen=True)
class LifterConfig:
    """Distance and scale. kind: "ray" and "volume" are the trained networks; "geometric" needs no
    training.

    height_prior_m, height_sigma_m: standing height of the people expected here. The networks know
    what they have learned of people, and the camera's height where it is given: to them these are
    where an echo is first looked for.

    min_sir_db: below it the echo is not trusted and the scale comes from the height prior.
    max_range_m: half path searched. variant, threads: of the networks, "auto" = see execution.py.
    """

    kind: str = choice("ray", ("ray", "volume", "geometric"))
    variant: str = choice("auto", ("auto", "int8", "float"))
    threads: Threads = limited("auto", 1, 16)
    height_prior_m: float = limited(1.70, 0.5, 2.3)
    height_sigma_m: float = limited(0.3, 0.01, 1.0)
    min_sir_db: float = limited(3.0, -10.0, 40.0)
    max_range_m: float = limited(6.0, 1.0, 20.0)


@dataclass(frozen=True)
class TrackConfig:
    """One-Euro smoothing. cutoff_hz: at rest; beta: cut-off gained per m/s; timeout_s: a new person
    after this gap.
    """

    enabled: bool = True
    cutoff_hz: float = limited(1.0, 0.05, 50.0)
    beta: float = limited(2.0, 0.0, 100.0)
    timeout_s: float = limited(1.0, 0.1, 60.0)


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
class RuntimeConfig:
    """max_skew_ms: a sound period farther from the image than this is not used for it.

    state_dir: what must survive a restart; "" = systemd's StateDirectory, else
    ~/.local/state/posekernel. tflite: the runtime of the networks, "auto" = see execution.py.
    """

    max_skew_ms: float = limited(150.0, 10.0, 2000.0)
    window_s: float = limited(0.04, 0.01, 0.2)
    state_dir: str = ""
    log_level: str = choice("INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
    tflite: str = choice("auto", ("auto", "ai-edge-litert", "tflite-runtime"))


@dataclass(frozen=True)
class Config:
    """The whole file. rig is None only with a replay source, whose session brings its own."""

    device: DeviceConfig = required()
    source: SourceConfig = field(default_factory=SourceConfig)
    excitation: ExcitationConfig = field(default_factory=ExcitationConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    rig: RigConfig | None = None
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    keypoints: KeypointsConfig = field(default_factory=KeypointsConfig)
    lifter: LifterConfig = field(default_factory=LifterConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    sensing: SensingConfig = field(default_factory=SensingConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    web: WebConfig = field(default_factory=WebConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    zones: tuple[ZoneConfig, ...] = ()


def load_config(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError with one sentence that names the key."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as e:
        raise ConfigError(
            f"{path}: no such file; `posekernel run --config F` needs a configuration (see README)"
        ) from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{path}: cannot be read ({e})") from e
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"{path}: not valid TOML: {e}") from e
    try:
        config = from_table(Config, table)
        check_config(config)
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    return config


def check_config(config: Config) -> None:
    """Everything that no single field can know. Raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", config.device.id):
        raise ConfigError(
            f"device.id: found {config.device.id!r}, allowed: 1 to 64 letters, digits, - and _ (it is an MQTT topic level)"
        )
    if config.mqtt.protocol not in (5, 311):
        raise ConfigError(
            f"mqtt.protocol: found {config.mqtt.protocol}, allowed: 5 or 311 (MQTT 3.1.1)"
        )
    for key, topic in (
        ("base_topic", config.mqtt.base_topic),
        ("discovery_prefix", config.mqtt.discovery_prefix),
    ):
        if (
            not topic
            or not set(topic).isdisjoint("+#\0")
            or topic.startswith(("/", "$"))
            or topic.endswith("/")
        ):
            raise ConfigError(
                f"mqtt.{key}: found {topic!r}, allowed: an MQTT topic without + and #, no / at its ends"
            )
    if bool(config.mqtt.client_cert) != bool(config.mqtt.client_key):
        raise ConfigError(
            "mqtt.client_cert and mqtt.client_key: one is set without the other, but a certificate needs its key"
        )
    if not config.mqtt.tls and (config.mqtt.ca_file or config.mqtt.client_cert):
        raise ConfigError(
            "mqtt.tls: false, but ca_file or client_cert is set; set tls = true to use them"
        )
    if config.web.enabled and not config.mqtt.enabled:
        raise ConfigError(
            "web.enabled: true, but mqtt.enabled is false; the page shows what the broker carries and needs both"
        )
    if config.web.enabled and not re.fullmatch(
        r"wss?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9/_.-]*)?", config.web.websocket_url
    ):
        raise ConfigError(
            f"web.websocket_url: found {config.web.websocket_url!r}, but the page needs the broker's WebSockets listener, "
            'for example "ws://192.168.1.10:9001/"'
        )
    if config.web.enabled and config.mqtt.format != "json":
        raise ConfigError(
            f'mqtt.format: found {config.mqtt.format!r}, but web.enabled is true and the page reads "json" only'
        )
    check_zones(config.zones)
    check_sensing(config.sensing)
    _check_excitation(
        config.excitation, config.runtime.window_s, len(config.rig.speakers_m) if config.rig else 1
    )
    if config.runtime.max_skew_ms < 1500.0 * config.excitation.period_s:
        raise ConfigError(
            f"runtime.max_skew_ms: found {config.runtime.max_skew_ms:g}, but with a period of {config.excitation.period_s:g} s "
            f"at least {1500.0 * config.excitation.period_s:g} is needed"
        )
    reach_m = config.runtime.window_s * speed_of_sound(20.0) / 2.0
    if reach_m < config.lifter.max_range_m:
        raise ConfigError(
            f"runtime.window_s: {config.runtime.window_s:g} s reach {reach_m:.1f} m, but lifter.max_range_m is "
            f"{config.lifter.max_range_m:g}"
        )
    if config.source.kind == "replay":
        if not config.source.path:
            raise ConfigError(
                'source.path: missing, but source.kind = "replay" needs the folder of a recorded session'
            )
        return
    if config.rig is None:
        raise ConfigError(
            'rig: missing, but source.kind = "device" needs the positions of speakers, microphones and camera'
        )
    if config.zones and not config.rig.camera.height_m and not config.calibration.file:
        raise ConfigError(
            "zones: they lie on the floor, but without rig.camera.height_m nobody's place on it is known; measure it"
        )
    _check_audio(config)
    make_rig(config)


def _check_excitation(x: ExcitationConfig, window_s: float, speakers: int) -> None:
    low, high = x.band_hz
    if not 50.0 <= low < high <= x.sample_rate_hz / 2:
        raise ConfigError(
            f"excitation.band_hz: found [{low:g}, {high:g}], allowed: 50 <= low < high <= {x.sample_rate_hz / 2:g} "
            "(half of sample_rate_hz)"
        )
    if abs(x.sample_rate_hz * x.period_s - x.period_samples) > 1e-6:
        raise ConfigError(
            f"excitation.period_s: {x.period_s} s is {x.sample_rate_hz * x.period_s:g} samples, but a whole number is needed"
        )
    if window_s * speakers > x.period_s:
        raise ConfigError(
            f"runtime.window_s: {speakers} speaker(s) x {window_s} s do not fit into one period of {x.period_s} s; "
            "lengthen excitation.period_s or shorten window_s"
        )


def _check_audio(config: Config) -> None:
    audio, rig = config.audio, config.rig
    assert rig is not None
    used = [
        *audio.mic_channels,
        *([audio.reference_channel] if audio.reference_channel >= 0 else []),
    ]
    if any(not 0 <= c < audio.channels for c in used):
        raise ConfigError(
            f"audio.mic_channels, audio.reference_channel: found {used}, allowed: 0 to {audio.channels - 1} (audio.channels)"
        )
    if len(set(used)) != len(used):
        raise ConfigError(
            f"audio.mic_channels, audio.reference_channel: found {used}, but each channel can be used once"
        )
    if len(audio.mic_channels) != len(rig.mics_m):
        raise ConfigError(
            f"audio.mic_channels has {len(audio.mic_channels)} channels, but rig.mics_m has {len(rig.mics_m)} positions: "
            "one position per channel is needed"
        )
    if audio.playback_channels < len(rig.speakers_m):
        raise ConfigError(
            f"audio.playback_channels: found {audio.playback_channels}, but rig.speakers_m has {len(rig.speakers_m)} speakers"
        )
    if config.camera.backend in ("v4l2", "gstreamer", "file") and not config.camera.device:
        raise ConfigError(
            f"camera.device: missing, but camera.backend = {config.camera.backend!r} needs it"
        )


def state_folder(config: Config) -> Path:
    """Where what must survive a restart is kept; not made here."""
    if config.runtime.state_dir:
        return Path(config.runtime.state_dir)
    if folders := os.environ.get("STATE_DIRECTORY"):
        return Path(folders.split(":")[0])
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "posekernel"


def make_rig(config: Config) -> Rig:
    """The rig that the configuration describes. Raises ConfigError."""
    r = config.rig
    if r is None:
        raise ConfigError("rig: missing")
    c = r.camera
    camera = Camera(
        width=config.camera.width,
        height=config.camera.height,
        fx=c.fx,
        fy=c.fy,
        cx=c.cx,
        cy=c.cy,
        distortion=c.distortion,
        height_m=c.height_m or None,
        tilt_deg=c.tilt_deg,
        roll_deg=c.roll_deg,
    )
    pairs = r.pairs or tuple((s, m) for s in range(len(r.speakers_m)) for m in range(len(r.mics_m)))
    return Rig(
        speakers=np.array(r.speakers_m, np.float64).reshape(-1, 3),
        mics=np.array(r.mics_m, np.float64).reshape(-1, 3),
        pairs=np.array(pairs, np.int64),
        camera=camera,
        speed_of_sound_m_s=speed_of_sound(r.temperature_c),
    )
