"""Sections [device], [source] and [runtime]: who the sensor is and how it runs."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.core.typed import Strict


class DeviceConfig(Strict, frozen=True):
    """id: the sensor's name and its level in MQTT topics."""

    id: str


class SourceConfig(Strict, frozen=True):
    """Where sound and images come from. path (a session's folder), realtime, loop: for replay."""

    kind: Literal["device", "replay"] = "device"
    path: str = ""
    realtime: bool = True
    loop: bool = False


class RuntimeConfig(Strict, frozen=True):
    """max_skew_ms: a sound period farther from the image than this is not used for it. window_s:
    length of the impulse responses.

    state_dir: folder of what must survive a restart; "" = systemd's StateDirectory, else
    ~/.local/state/posekernel. tflite: runtime of the networks; "auto" = what `posekernel bench
    --save` found, else the first that is installed.
    """

    max_skew_ms: Annotated[float, Meta(ge=10.0, le=2000.0)] = 150.0
    window_s: Annotated[float, Meta(ge=0.01, le=0.2)] = 0.04
    state_dir: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    tflite: Literal["auto", "ai-edge-litert", "tflite-runtime"] = "auto"
