"""A whole config.toml, from an array, a board and what only the site knows."""

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from edge.core.arrays import Array
from edge.core.config import CameraConfig, Config, check_config
from edge.core.config.geometry import Vector
from edge.core.errors import ConfigError
from edge.core.profiles import ArrayProfile, BoardProfile, check_pair, load_array, load_board
from edge.core.typed import Strict, as_toml, convert, parse_json, parse_toml

CAPTURE_PCM, PLAYBACK_PCM = "posekernel_capture", "posekernel_playback"  # what alsa/*.conf define
FRAME_SIZE = (640, 480)


class Place(Strict, frozen=True):
    """Where things are, camera frame [m]. array_m: its centre. mount: its face to the room, or flat
    with the face up.

    turn_deg: the array about its own axis, anticlockwise as one looks at its face; 0 is its y up
    (facing) or forward (flat).
    """

    speaker_m: Vector
    array_m: Vector = (0.0, 0.06, 0.0)
    mount: Literal["facing", "flat"] = "facing"
    turn_deg: Annotated[float, Meta(ge=-360.0, le=360.0)] = 0.0


def render_config(array_name: str, board_name: str, settings: Sequence[str]) -> str:
    """A complete configuration file. settings: "key=value", keys of the file or of `place`; values
    as in TOML or JSON, or plain text.

    Raises ConfigError for a pair that cannot work, for what is missing, and for whatever the
    configuration refuses.
    """
    array, board = load_array(array_name), load_board(board_name)
    check_pair(array, board)
    asked = _parse_settings(settings)
    place_table = asked.pop("place", {})
    if not isinstance(place_table, dict):
        raise ConfigError(
            f"place: found {place_table!r}, but its keys are needed, for example "
            "--set place.speaker_m=[0.1,0.06,0]"
        )
    # The focal length is worked out from it.
    convert(asked.get("camera", {}), CameraConfig, "camera")
    missing = [key for key in ("device.id", *array.required) if _look_up(asked, key) is None]
    if "speaker_m" not in place_table:
        missing.append("place.speaker_m")
    if missing:
        raise ConfigError(
            f"{', '.join(missing)}: missing; only the site knows, give --set {missing[0]}=..."
        )
    place = convert(place_table, Place, "place")
    table = _merged(_known(array_name, array, board, place, asked), asked)
    check_config(convert(table, Config))
    return as_toml(table, _heading(array_name, array, board_name, board))


def _known(
    name: str, array: ArrayProfile, board: BoardProfile, place: Place, asked: dict[str, Any]
) -> dict[str, Any]:
    known = {"device": {}, "source": {"kind": "device"}, **array_settings(name, array)}
    known["rig"] = place_settings(array, place)
    camera = camera_settings(board, asked.get("camera", {}))
    known["rig"]["camera"] = camera.pop("lens")
    return {**known, "camera": camera}


def array_settings(name: str, array: ArrayProfile) -> dict[str, Any]:
    """[audio], [excitation] and [calibration] of an array."""
    return {
        "audio": {
            "capture": CAPTURE_PCM,
            "playback": PLAYBACK_PCM,
            "channels": array.channels.value,
            "mic_channels": [m.channel for m in array.mics],
            "reference_channel": array.reference_channel.value,
            "playback_channels": array.playback_channels.value,
            "format": array.format,
            "alsa_period_frames": array.alsa_period_frames.value,
        },
        "excitation": {
            "sample_rate_hz": array.sample_rate_hz.value,
            "band_hz": list(array.band_hz.value),
        },
        "calibration": {"array": name},
    }


def place_settings(array: ArrayProfile, place: Place) -> dict[str, Any]:
    """[rig] without its camera."""
    return {
        "speakers_m": [list(place.speaker_m)],
        "mics_m": [[round(float(x), 4) for x in mic] for mic in mic_positions(array, place)],
    }


def camera_settings(board: BoardProfile, asked: dict[str, Any]) -> dict[str, Any]:
    """[camera] with what was asked for, and under "lens" the intrinsics of [rig.camera]."""
    width = asked.get("width", FRAME_SIZE[0])
    height = asked.get("height", FRAME_SIZE[1])
    fps = asked.get("fps", board.fps.value)
    focal = _focal_px(board.camera_fov_deg.value, width, height)
    return {
        "backend": board.camera_backend,
        "device": board.camera_device.format(width=width, height=height, fps=fps),
        "width": width,
        "height": height,
        "fps": fps,
        "lens": {"fx": focal, "fy": focal, "cx": width / 2, "cy": height / 2},
    }


def mic_positions(array: ArrayProfile, place: Place) -> Array:
    """The microphones where the array is mounted, camera frame [m, shape=(M, 3)]."""
    plane = np.array([m.position_m for m in array.mics]).reshape(-1, 2)
    turn = math.radians(place.turn_deg)
    x, y = (
        np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) @ plane.T
    ).astype(np.float64)
    zero = np.zeros_like(x)
    # The face looks away from the camera: its right is the camera's left.
    mounted = np.stack([-x, -y, zero] if place.mount == "facing" else [x, zero, y], axis=1)
    return np.asarray(mounted + np.array(place.array_m) + 0.0)


def _focal_px(fov_deg: tuple[float, float], width: int, height: int) -> float:
    """The focal length where the image is the largest part of the sensor of its own proportions."""
    across, down = (math.tan(math.radians(a) / 2) for a in fov_deg)
    return round(max(width / 2 / across, height / 2 / down), 1)


def _parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigError(
                f"--set {setting!r}: key=value is needed, for example --set device.id=kitchen"
            )
        *path, last = key.strip().split(".")
        at = table
        for part in path:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise ConfigError(f"--set {setting!r}: {part} was given a value before")
        at[last] = _value(text)
    return table


def _value(text: str) -> Any:
    try:
        return parse_toml(f"value = {text}")["value"]
    except ConfigError:
        pass
    if text.lstrip().startswith(("[", "{")):  # JSON, in which the playbook writes lists of tables
        with suppress(ConfigError):
            return parse_json(text.encode("utf-8", "surrogateescape"))
    return text  # without quotes


def _look_up(table: dict[str, Any], key: str) -> Any:
    at: Any = table
    for part in key.split("."):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _merged(known: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Both, the asked ones first where they meet."""
    merged = dict(known)
    for key, value in asked.items():
        before = merged.get(key)
        merged[key] = (
            _merged(before, value)
            if isinstance(before, dict) and isinstance(value, dict)
            else value
        )
    return merged


def _heading(
    array_name: str, array: ArrayProfile, board_name: str, board: BoardProfile
) -> list[str]:
    unmeasured = not all(m.verified for m in array.mics)
    return [
        f"Made by `posekernel config --array {array_name} --board {board_name}`: {array.title} on "
        f"{board.title}.",
        *(
            ["Microphone positions are from publications, not measured on this device."]
            if unmeasured
            else []
        ),
        "rig.camera is from the data sheet's field of view until the camera is calibrated.",
        *(f"Array: {q}" for q in array.quirks),
        *(f"Board: {x}" for x in board.limits),
    ]
