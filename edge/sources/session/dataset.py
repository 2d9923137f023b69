"""The dataset's folder format: PoseKernelLifter's public layout and our extension of it.

environmentN/audio_sensor_loc.npy (4, 3): co-located speaker and microphone pairs [m], camera frame;
or environmentN/rig.json. environmentN/rir_empty.npy (P, T), optional. environmentN/K/rir.npy
(P, T): impulse responses, empty room removed. environmentN/K/gnd.npy (25..49, 3): joints, camera
frame, BODY_25 first. Optional: K/keypoints.npy (25, 3), K/info.json, and K/rir_clean.npy (P, T),
which is rir.npy without noise.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, load_array
from edge.core.errors import ConfigError, SessionError
from edge.core.files import read_file
from edge.core.plausibility import ROOM_M, band_problem, length_unit, rig_problem, wild_joints
from edge.core.pose import BODY_25, Keypoints
from edge.core.rig import Camera, Rig, load_rig, rig_to_dict, speed_of_sound
from edge.core.stature import standing_height
from edge.core.typed import parse_json

# The public folders state neither camera, rate nor band: these are a level VGA camera, the paper's
# 96 kHz, and all but the lowest band.
PUBLIC_CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0)
PUBLIC_RATE_HZ = 96000.0
PUBLIC_BAND_HZ = (1000.0, 40000.0)
DETECTOR_NOISE_PX = 3.0
IN_FRONT_M = 0.1  # nearer to the camera than this nothing is seen
_PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
_VOTERS = 9


@dataclass(frozen=True, eq=False)
class Sample:
    """One pose. rir: (P, T) float32, empty room removed. joints: (25, 3) camera frame [m], NaN =
    missing. info: anything. clean: (P, T) float32, rir without noise, where a simulated sample has
    it.
    """

    name: str
    rir: npt.NDArray[np.float32]
    joints: Array
    keypoints: Keypoints
    info: dict[str, Any]
    clean: npt.NDArray[np.float32] | None = None


@dataclass(slots=True)
class Environment:
    """One room's folder. skipped: name -> reason of unusable samples, filled while iterating."""

    path: Path
    rig: Rig
    sample_rate_hz: float
    band_hz: tuple[float, float]
    names: list[str]
    skipped: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Sample]:
        for name in self.names:
            try:
                yield read_sample(self.path / name, self.rig)
            except SessionError as e:
                self.skipped[f"{self.path.name}/{name}"] = str(e)


def find_environments(path: Path) -> list[Path]:
    """Every environment of the dataset format at or directly below `path`, in natural order."""
    # A path that no folder can have makes glob raise, on Python 3.13 more often than before.
    folders = [path, *path.glob("*/")] if path.is_dir() else []
    return [p for p in sorted(folders, key=_natural) if _is_environment(p)]


def load_environment(path: Path) -> Environment:
    """Open environmentN. Raises SessionError where it is none, ConfigError for its rig.json."""
    if (path / "rig.json").is_file():
        rig, rate, band = load_rig(path / "rig.json")
    elif (path / "audio_sensor_loc.npy").is_file():
        sensors = _array(path / "audio_sensor_loc.npy").astype(np.float64)
        if sensors.ndim != 2 or sensors.shape[1] != 3:
            raise SessionError(
                f"{path}/audio_sensor_loc.npy: shape {sensors.shape}, but (pairs, 3) is needed"
            )
        if not np.isfinite(sensors).all():
            raise SessionError(f"{path}/audio_sensor_loc.npy: holds values that are not finite")
        sensors = sensors / _PER_M[_sensor_unit(path)]
        pairs = np.repeat(np.arange(len(sensors))[:, None], 2, axis=1)
        rig = Rig(sensors, sensors.copy(), pairs, PUBLIC_CAMERA, speed_of_sound(20.0))
        rate, band = PUBLIC_RATE_HZ, PUBLIC_BAND_HZ
    else:
        raise SessionError(
            f"{path}: neither rig.json nor audio_sensor_loc.npy; a folder environmentN of the "
            "dataset format is needed"
        )
    if problem := rig_problem(rig, one_card=False) or band_problem(band):
        raise ConfigError(f"{path}: {problem}")
    return Environment(path, rig, rate, band, _sample_names(path))


def read_sample(path: Path, rig: Rig) -> Sample:
    """Read one sample folder. Raises SessionError that names the file and what is wrong with it."""
    rir = _array(path / "rir.npy")
    if rir.ndim != 2 or len(rir) != len(rig.pairs) or rir.shape[1] < 16:
        raise SessionError(
            f"{path}/rir.npy: shape {rir.shape}, but ({len(rig.pairs)}, at least 16) is needed"
        )
    with np.errstate(over="ignore"):
        rir = rir.astype(np.float32)
    if not np.isfinite(rir).all():
        raise SessionError(f"{path}/rir.npy: holds values that are not finite")
    joints = _body_25(_array(path / "gnd.npy"), path)
    keypoints = path / "keypoints.npy"
    pixels = (
        _array(keypoints).astype(np.float64)
        if keypoints.is_file()
        else _project(joints, rig.camera, path)
    )
    if pixels.shape != (25, 3):
        raise SessionError(f"{keypoints}: shape {pixels.shape}, but (25, 3) is needed")
    _check_pixels(pixels, keypoints, rig.camera)
    info = _info(path / "info.json")
    keys = Keypoints(pixels, np.full((25, 3), np.nan), 1, 1.0)
    clean = (
        _array(path / "rir_clean.npy").astype(np.float32)
        if (path / "rir_clean.npy").is_file()
        else None
    )
    if clean is not None and clean.shape != rir.shape:
        raise SessionError(
            f"{path}/rir_clean.npy: shape {clean.shape}, but that of rir.npy, {rir.shape}, "
            "is needed"
        )
    if clean is not None and not np.isfinite(clean).all():
        raise SessionError(f"{path}/rir_clean.npy: holds values that are not finite")
    return Sample(path.name, rir, joints, keys, info, clean)


def write_environment(
    path: Path,
    rig: Rig,
    sample_rate_hz: float,
    band_hz: tuple[float, float],
    rir_empty: npt.NDArray[np.float32] | None = None,
) -> None:
    """Create environmentN with its rig.json and, where given, rir_empty.npy (P, T)."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "rig.json").write_text(json.dumps(rig_to_dict(rig, sample_rate_hz, band_hz), indent=1))
    if rir_empty is not None:
        np.save(path / "rir_empty.npy", rir_empty.astype(np.float32))


def write_sample(environment: Path, sample: Sample) -> None:
    """Write one sample below `environment`; rir.npy last: a folder without it is incomplete."""
    path = environment / sample.name
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / "gnd.npy", sample.joints.astype(np.float32))
    np.save(path / "keypoints.npy", sample.keypoints.pixels.astype(np.float32))
    (path / "info.json").write_text(json.dumps(sample.info))
    if sample.clean is not None:
        np.save(path / "rir_clean.npy", sample.clean.astype(np.float32))
    np.save(path / "rir.npy", sample.rir.astype(np.float32))


def _is_environment(path: Path) -> bool:
    return (path / "rig.json").is_file() or (path / "audio_sensor_loc.npy").is_file()


def _natural(path: Path) -> tuple[int, str]:
    digits = "".join(c for c in path.name if c.isdigit())
    return (int(digits) if digits else -1, path.name)


def _sample_names(path: Path) -> list[str]:
    names = (p.name for p in path.iterdir() if p.is_dir())
    return sorted(names, key=lambda name: _natural(Path(name)))


def _array(path: Path) -> npt.NDArray[Any]:
    try:
        a = load_array(path)
    except FileNotFoundError as e:
        raise SessionError(f"{path}: no such file") from e
    except ConfigError as e:
        raise SessionError(f"{path}: {e}") from e
    if a.dtype.kind not in "fiu":
        raise SessionError(f"{path}: holds no numbers")
    return a


def _info(path: Path) -> dict[str, Any]:
    """info.json, empty where there is none. Raises SessionError."""
    try:
        info = parse_json(read_file(path))
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise SessionError(f"{path}: cannot be read ({e.strerror})") from e
    except ConfigError as e:
        raise SessionError(f"{path}: not valid JSON ({e})") from e
    if not isinstance(info, dict):
        raise SessionError(f"{path}: a JSON object is needed, found {type(info).__name__}")
    return info


def _check_pixels(pixels: Array, path: Path, camera: Camera) -> None:
    """Raises SessionError for 2D joints that no detector gives; a joint that is not seen may be
    anywhere, or NaN.
    """
    confidence = pixels[:, 2]
    if not ((confidence >= 0.0) & (confidence <= 1.0)).all():
        raise SessionError(f"{path}: confidences must be 0 to 1")
    seen = pixels[confidence > 0.0, :2]
    far = 10.0 * max(camera.width, camera.height)
    if not (np.abs(seen) <= far).all():
        raise SessionError(
            f"{path}: a joint is farther than {far:g} pixels from the image, or no number, but "
            "counts as seen; pixels of this camera are needed"
        )


def _body_25(gnd: npt.NDArray[Any], path: Path) -> Array:
    if gnd.ndim != 2 or gnd.shape[1] != 3 or not len(BODY_25) <= len(gnd) <= 49:
        raise SessionError(f"{path}/gnd.npy: shape {gnd.shape}, but (25 to 49, 3) is needed")
    joints = gnd[:25].astype(np.float64)
    missing = np.asarray(~np.isfinite(joints).all(axis=1) | (joints == 0).all(axis=1))
    joints[missing] = np.nan
    unit = "" if missing.all() else length_unit(joints)
    if unit in ("m", "mm"):
        joints /= _PER_M[unit]
        joints[wild_joints(joints)] = np.nan
    missing = np.asarray(np.isnan(joints).any(axis=1))
    if missing[:15].sum() > 7:
        raise SessionError(
            f"{path}/gnd.npy: {missing[:15].sum()} of the first 15 joints are missing or far from "
            "the others, at most 7 may be"
        )
    if unit not in ("m", "mm"):
        found = "centimetres" if unit else f"a body of {standing_height(joints[:15]):.3g} m"
        raise SessionError(
            f"{path}/gnd.npy: its bone lengths say {found}, but metres or millimetres are needed"
        )
    if not (joints[:, 2] > IN_FRONT_M).any():
        raise SessionError(
            f"{path}/gnd.npy: no joint lies in front of the camera; z must grow away from it"
        )
    away_m = float(np.linalg.norm(np.nanmedian(joints, axis=0)))
    if away_m > ROOM_M:
        raise SessionError(
            f"{path}/gnd.npy: the person is {away_m:.3g} m away, but at most {ROOM_M:g} m is "
            "possible in a room"
        )
    return joints


def _sensor_unit(path: Path) -> str:
    """The unit of a public folder: that of most of its first samples' bones; metres where none
    tells.
    """
    votes: Counter[str] = Counter()
    for name in _sample_names(path)[:_VOTERS]:
        with suppress(SessionError):
            gnd = _array(path / name / "gnd.npy")
            if gnd.ndim == 2 and gnd.shape[1] == 3 and len(gnd) >= len(BODY_25):
                joints = gnd[:25].astype(np.float64)
                votes[length_unit(np.where(joints == 0, np.nan, joints))] += 1
    votes.pop("", None)
    return votes.most_common(1)[0][0] if votes else "m"


def _project(joints: Array, camera: Camera, path: Path) -> Array:
    """2D joints by projection with a detector's noise, the same each time the sample is read."""
    pixels = np.zeros((25, 3))
    seen = np.isfinite(joints).all(axis=1) & (np.nan_to_num(joints[:, 2]) > IN_FRONT_M)
    pixels[:, :2] = np.nan
    pixels[seen, :2] = camera.project(joints[seen])
    rng = np.random.default_rng([_natural(path)[0] + 1, _natural(path.parent)[0] + 1])
    pixels[:, :2] += rng.normal(0.0, DETECTOR_NOISE_PX, (25, 2))
    pixels[seen, 2] = 1.0
    return pixels


def require_environments(path: Path) -> list[Environment]:
    """All environments at or below `path`. Raises ConfigError where there is none."""
    if not path.is_dir():
        raise ConfigError(f"{path}: no such folder")
    found = [load_environment(p) for p in find_environments(path)]
    if not found:
        raise ConfigError(
            f"{path}: no environment of the dataset format in it (rig.json or audio_sensor_loc.npy)"
        )
    return found
