"""All sections together, and what follows from them."""

import os
from pathlib import Path

import numpy as np

from edge.core.config.audio import AudioConfig, ExcitationConfig
from edge.core.config.camera import CameraConfig
from edge.core.config.device import DeviceConfig, RuntimeConfig, SourceConfig
from edge.core.config.estimation import (
    BackgroundConfig,
    KeypointsConfig,
    LifterConfig,
    PeopleConfig,
    TrackConfig,
)
from edge.core.config.floor_zones import ZoneConfig
from edge.core.config.geometry import CalibrationConfig, RigConfig
from edge.core.config.messaging import MqttConfig, OscConfig, TelemetryConfig, WebConfig
from edge.core.config.quiet_hours import SensingConfig
from edge.core.config.sound import SoundConfig
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.core.typed import Strict


class Config(Strict, frozen=True):
    """The whole file. rig is None only with a replay source, whose session brings its own."""

    device: DeviceConfig
    source: SourceConfig = SourceConfig()
    excitation: ExcitationConfig = ExcitationConfig()
    audio: AudioConfig = AudioConfig()
    camera: CameraConfig = CameraConfig()
    rig: RigConfig | None = None
    calibration: CalibrationConfig = CalibrationConfig()
    background: BackgroundConfig = BackgroundConfig()
    keypoints: KeypointsConfig = KeypointsConfig()
    people: PeopleConfig = PeopleConfig()
    lifter: LifterConfig = LifterConfig()
    track: TrackConfig = TrackConfig()
    sensing: SensingConfig = SensingConfig()
    sound: SoundConfig = SoundConfig()
    mqtt: MqttConfig = MqttConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    web: WebConfig = WebConfig()
    osc: OscConfig = OscConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    zones: tuple[ZoneConfig, ...] = ()


def state_folder(config: Config) -> Path:
    """Where what must survive a restart is kept; not made here."""
    if config.runtime.state_dir:
        return Path(config.runtime.state_dir)
    if folders := os.environ.get("STATE_DIRECTORY"):
        return Path(folders.split(":")[0])
    if home := os.environ.get("XDG_STATE_HOME"):
        return Path(home) / "posekernel"
    try:
        return Path.home() / ".local" / "state" / "posekernel"
    except RuntimeError:  # no HOME, and a user without an entry: nothing is kept
        return Path("/nonexistent/posekernel")


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
