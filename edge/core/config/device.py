"""Sections [device], [source] and [runtime]: who the sensor is and how it runs."""

from dataclasses import dataclass

from edge.core.toml_fields import choice, limited, required


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
