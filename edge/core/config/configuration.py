"""The whole configuration, and what follows from it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge.core.config.audio import AudioConfig, ExcitationConfig
from edge.core.config.camera import CameraConfig
from edge.core.config.device import DeviceConfig, RuntimeConfig, SourceConfig
from edge.core.config.estimation import BackgroundConfig, KeypointsConfig, LifterConfig, TrackConfig
from edge.core.config.floor_zones import ZoneConfig
from edge.core.config.geometry import CalibrationConfig, RigConfig
from edge.core.config.messaging import MqttConfig, TelemetryConfig, WebConfig
from edge.core.config.quiet_hours import SensingConfig
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.core.toml_fields import required


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
