"""The file of a learned empty room (.npz): the room, when it was learned, the rig and signal that
it belongs to, and what is known about its late reverberation.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array, ComplexArray, load_archive
from edge.core.errors import ConfigError, DamagedRoomError, OtherSignalError
from edge.core.files import evident_content, write_whole
from edge.core.rig import Rig
from edge.sound.room.drift.late_reverberation import LateReverberation

_FORMAT = "posekernel-background-1"
_OF_THE_SIGNAL = ("sample_rate_hz", "band_hz", "window_samples", "period_s")
_ADDED = ("period_s",)  # not in files of older releases


def identity(
    rig: Rig,
    sample_rate_hz: float,
    band_hz: tuple[float, float],
    window_samples: int,
    period_s: float | None,
) -> dict[str, Array]:
    """What a saved room must have in common with the rig and the signal that load it."""
    return {
        "speakers_m": np.asarray(rig.speakers, np.float64),
        "mics_m": np.asarray(rig.mics, np.float64),
        "pairs": np.asarray(rig.pairs, np.float64),
        "sample_rate_hz": np.array(sample_rate_hz),
        "band_hz": np.array(band_hz, np.float64),
        "window_samples": np.array(float(window_samples)),
        "period_s": np.array(np.nan if period_s is None else period_s),
    }


def save(
    path: Path,
    room: ComplexArray,
    learned_utc_s: float,
    identity: dict[str, Array],
    late: LateReverberation | None,
    of_bursts: bool,
) -> None:
    """Write it, whole or not at all. of_bursts: it was learned from bursts. Raises ConfigError when
    it cannot be written; a file that was there before then stays.
    """
    content: dict[str, Any] = {
        "format": _FORMAT,
        "room": room,
        "learned_utc_s": learned_utc_s,
        "of_bursts": of_bursts,
        **identity,
        **({} if late is None else late.state()),
    }
    file = io.BytesIO()
    np.savez(file, **content)
    try:
        write_whole(path, file.getvalue())
    except OSError as e:
        raise ConfigError(
            f"{path}: the empty room cannot be saved there ({e.strerror}); choose another path"
        ) from e


def load(
    path: Path, shape: tuple[int, int], identity: dict[str, Array], late: LateReverberation | None
) -> tuple[ComplexArray, float, bool]:
    """The room (P, T) of this shape, the UTC seconds at which it was learned, and whether from
    bursts; `late` gets what the file knows of it.

    Raises DamagedRoomError, ConfigError when it cannot be read or belongs to another rig,
    OtherSignalError to another signal.
    """
    try:
        data = load_archive(path)
        if str(data["format"]) != _FORMAT:
            raise ValueError(f"its format is {data['format']}, {_FORMAT} is needed")
        room = np.ascontiguousarray(data["room"], np.complex64)
        learned_utc_s = float(data["learned_utc_s"])
        of_bursts = bool(data.get("of_bursts", False))  # not in files of older releases
    except (OSError, ValueError, TypeError, KeyError) as e:
        unread = isinstance(e, OSError) or isinstance(e.__cause__, OSError)
        if not unread and (content := evident_content(path)):
            raise ConfigError(
                f"{path}: {content}, and no empty room saved by posekernel; name another file in "
                "background.snapshot"
            ) from e
        wrong = ConfigError if unread else DamagedRoomError
        raise wrong(
            f"{path}: not an empty room saved by posekernel ({e}); record one with nobody in view"
        ) from e
    for name, needed in identity.items():
        found = data.get(name)
        if found is None and name in _ADDED:
            continue
        if found is None or not _equal(found, needed):
            other = OtherSignalError if name in _OF_THE_SIGNAL else ConfigError
            raise other(
                f"{path}: the saved empty room has {name} {_short(found)}, {_short(needed)} is "
                "needed; remove the file: the room is learned anew while nobody is in view"
            )
    if room.shape != shape or not np.isfinite(room.view(np.float32)).all():
        raise _damaged(path)
    if late is not None:
        try:
            late.restore(data, room)
        except ValueError as e:
            raise _damaged(path, f" ({e})") from e
    return room, learned_utc_s, of_bursts


def _equal(found: Array, needed: Array) -> bool:
    return (
        found.shape == needed.shape
        and found.dtype.kind in "biuf"
        and np.allclose(found, needed, atol=1e-6, equal_nan=True)
    )


def _damaged(path: Path, why: str = "") -> DamagedRoomError:
    return DamagedRoomError(
        f"{path}: the saved empty room is damaged{why}; record one with nobody in view"
    )


def _short(a: Array | None) -> str:
    if a is None:
        return "none"
    return np.array2string(a, precision=4, threshold=12, edgeitems=2).replace("\n", "")
