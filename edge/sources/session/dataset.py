"""The dataset's folder format: PoseKernelLifter's public layout and our extension of it.

environmentN/audio_sensor_loc.npy (4, 3): co-located speaker and microphone pairs [m], camera frame;
or environmentN/rig.json. Optional: environmentN/rir_empty.npy (P, T) of the empty room, and
environmentN/rir_changes.npy (C, P, T), what C changes of the room would add. environmentN/K/rir.npy
(P, T): impulse responses, empty room removed. environmentN/K/gnd.npy (25..49, 3), or (Q, 25..49, 3)
of Q people: joints, camera frame, BODY_25 first. Optional: K/keypoints.npy (25, 3) or (Q, 25, 3) in
the same order, K/info.json, and K/rir_clean.npy (P, T), which is rir.npy without noise. The
responses are of everybody together.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, load_array
from edge.core.errors import ConfigError, SessionError
from edge.core.files import read_file
from edge.core.plausibility import band_problem, length_unit, rig_problem
from edge.core.pose import BODY_25, Keypoints
from edge.core.rig import Camera, Rig, load_rig, rig_to_dict, speed_of_sound
from edge.core.typed import parse_json
from edge.sources.session.people_arrays import PER_M, people_joints, people_pixels, projected

# The public folders state neither camera, rate nor band: these are a level VGA camera, the paper's
# 96 kHz, and all but the lowest band.
PUBLIC_CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0)
PUBLIC_RATE_HZ = 96000.0
PUBLIC_BAND_HZ = (1000.0, 40000.0)
_VOTERS = 9


@dataclass(frozen=True, eq=False)
class Sample:
    """One moment. rir: (P, T) float32, empty room removed. joints: (Q, 25, 3) camera frame [m] of Q
    people, NaN = missing. keypoints: theirs, in the same order. info: anything; what differs from
    person to person is in `persons`, a list of Q tables, or beside the rest where Q is 1. clean:
    (P, T) float32, rir without noise, where a simulated sample has it.
    """

    name: str
    rir: npt.NDArray[np.float32]
    joints: Array
    keypoints: tuple[Keypoints, ...]
    info: dict[str, Any]
    clean: npt.NDArray[np.float32] | None = None

    def alone(self, person: int) -> "Sample":
        """The same sound and moment with one of its people, whose facts are in info."""
        info, persons = dict(self.info), self.info.get("persons")
        if isinstance(persons, list):
            del info["persons"]
            own = persons[person] if person < len(persons) else None
            info |= own if isinstance(own, dict) else {}
        one = slice(person, person + 1)
        return replace(self, joints=self.joints[one], keypoints=self.keypoints[one], info=info)


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
        sensors = sensors / PER_M[_sensor_unit(path)]
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
    joints = people_joints(_array(path / "gnd.npy"), path / "gnd.npy")
    keypoints = path / "keypoints.npy"
    if keypoints.is_file():
        pixels = people_pixels(_array(keypoints), len(joints), keypoints, rig.camera)
    else:
        seed = [_natural(path)[0] + 1, _natural(path.parent)[0] + 1]
        pixels = projected(joints, rig.camera, np.random.default_rng(seed))
    info = _info(path / "info.json")
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
    keys = tuple(Keypoints(one, 1.0) for one in pixels)
    return Sample(path.name, rir, joints, keys, info, clean)


def write_environment(
    path: Path,
    rig: Rig,
    sample_rate_hz: float,
    band_hz: tuple[float, float],
    rir_empty: npt.NDArray[np.float32] | None = None,
    rir_changes: npt.NDArray[np.float32] | None = None,
) -> None:
    """Create environmentN with its rig.json and, where given, rir_empty.npy (P, T) and
    rir_changes.npy (C, P, T).
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / "rig.json").write_text(json.dumps(rig_to_dict(rig, sample_rate_hz, band_hz), indent=1))
    if rir_empty is not None:
        np.save(path / "rir_empty.npy", rir_empty.astype(np.float32))
    if rir_changes is not None:
        np.save(path / "rir_changes.npy", rir_changes.astype(np.float32))


def write_sample(environment: Path, sample: Sample) -> None:
    """Write one sample below `environment`; rir.npy last: a folder without it is incomplete.

    One person's arrays are (25, 3), as the public dataset's.
    """
    path = environment / sample.name
    path.mkdir(parents=True, exist_ok=True)
    for name, people in (
        ("gnd.npy", sample.joints),
        ("keypoints.npy", np.stack([k.pixels for k in sample.keypoints])),
    ):
        np.save(path / name, (people[0] if len(people) == 1 else people).astype(np.float32))
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


def _sensor_unit(path: Path) -> str:
    """The unit of a public folder: that of most of its first samples' bones; metres where none
    tells.
    """
    votes: Counter[str] = Counter()
    for name in _sample_names(path)[:_VOTERS]:
        with suppress(SessionError):
            gnd = _array(path / name / "gnd.npy")
            if gnd.ndim >= 2 and gnd.shape[-1] == 3 and gnd.shape[-2] >= len(BODY_25):
                joints = gnd.reshape(-1, *gnd.shape[-2:])[0, :25].astype(np.float64)
                votes[length_unit(np.where(joints == 0, np.nan, joints))] += 1
    votes.pop("", None)
    return votes.most_common(1)[0][0] if votes else "m"


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
