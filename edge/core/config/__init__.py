"""The configuration file: related sections, checks across sections, and the loader."""

from edge.core.config.audio import AudioConfig, ExcitationConfig
from edge.core.config.camera import CameraConfig
from edge.core.config.checks import check_config
from edge.core.config.device import DeviceConfig, RuntimeConfig, SourceConfig
from edge.core.config.estimation import (
    BackgroundConfig,
    KeypointsConfig,
    LifterConfig,
    PeopleConfig,
    TrackConfig,
)
from edge.core.config.floor_zones import ZoneConfig, check_zones
from edge.core.config.geometry import CalibrationConfig, RigCameraConfig, RigConfig
from edge.core.config.loader import load_config, parse_config
from edge.core.config.messaging import MqttConfig, OscConfig, TelemetryConfig, WebConfig
from edge.core.config.quiet_hours import QuietHours, SensingConfig
from edge.core.config.sections import Config, make_rig, state_folder
from edge.core.config.sound import LoudnessName, SoundConfig, SoundMode

__all__ = [
    "AudioConfig",
    "BackgroundConfig",
    "CalibrationConfig",
    "CameraConfig",
    "Config",
    "DeviceConfig",
    "ExcitationConfig",
    "KeypointsConfig",
    "LifterConfig",
    "LoudnessName",
    "MqttConfig",
    "OscConfig",
    "PeopleConfig",
    "QuietHours",
    "RigCameraConfig",
    "RigConfig",
    "RuntimeConfig",
    "SensingConfig",
    "SoundConfig",
    "SoundMode",
    "SourceConfig",
    "TelemetryConfig",
    "TrackConfig",
    "WebConfig",
    "ZoneConfig",
    "check_config",
    "check_zones",
    "load_config",
    "make_rig",
    "parse_config",
    "state_folder",
]
