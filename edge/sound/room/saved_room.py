"""The file of a learned empty room (.npz): the room, when it was learned, and the rig and signal
that it belongs to.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array, ComplexArray
from edge.core.errors import ConfigError, OtherSignalError
from edge.core.files import write_whole

_FORMAT = "posekernel-background-1"
_OF_THE_SIGNAL = ("sample_rate_hz", "band_hz", "window_samples", "period_s")
_ADDED = ("period_s",)  # not in files of older releases


def write(
    path: Path,
    room: ComplexArray,
    learned_utc_s: float,
    fingerprint: dict[str, Array],
    more: dict[str, Any],
) -> None:
    """Write it, whole or not at all. Raises ConfigError when it cannot be written; a file that was
    there before then stays.
    """
    content: dict[str, Any] = {
        "format": _FORMAT,
        "room": room,
        "learned_utc_s": learned_utc_s,
        **fingerprint,
        **more,
    }
    file = io.BytesIO()
    np.savez(file, **content)
    try:
        write_whole(path, file.getvalue())
    except OSError as e:
        raise ConfigError(
            f"{path}: the empty room cannot be saved there ({e.strerror}); choose another path"
        ) from e


def read(
    path: Path, shape: tuple[int, int], fingerprint: dict[str, Array]
) -> tuple[ComplexArray, float, dict[str, Any]]:
    """Room of this shape, UTC seconds at which it was learned, and all that is in the file.

    Raises ConfigError when it cannot be read or belongs to another rig, OtherSignalError to another
    signal.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: np.asarray(file[name]) for name in file.files}
        if str(data["format"]) != _FORMAT:
            raise ValueError(f"its format is {data['format']}, {_FORMAT} is needed")
        room, learned_utc_s = (
            np.ascontiguousarray(data["room"], np.complex64),
            float(data["learned_utc_s"]),
        )
    except Exception as e:  # numpy, zipfile and tokenize raise a dozen kinds on a damaged file
        raise ConfigError(
            f"{path}: not an empty room saved by posekernel ({e}); record one with nobody in view"
        ) from e
    for name, needed in fingerprint.items():
        found = data.get(name)
        if found is None and name in _ADDED:
            continue
        if (
            found is None
            or found.shape != needed.shape
            or found.dtype.kind not in "biuf"
            or not np.allclose(found, needed, atol=1e-6, equal_nan=True)
        ):
            wrong = OtherSignalError if name in _OF_THE_SIGNAL else ConfigError
            raise wrong(
                f"{path}: the saved empty room has {name} {_short(found)}, {_short(needed)} is needed; "
                "remove the file: the room is learned anew while nobody is in view"
            )
    if room.shape != shape or not np.isfinite(room.view(np.float32)).all():
        raise damaged(path)
    return room, learned_utc_s, data


def damaged(path: Path, why: Exception | None = None) -> ConfigError:
    """The error of a file whose content makes no sense."""
    return ConfigError(
        f"{path}: the saved empty room is damaged{f' ({why})' if why else ''}; record one with nobody in view"
    )


def _short(a: Array | None) -> str:
    return (
        "none"
        if a is None
        else np.array2string(np.asarray(a), precision=4, threshold=12, edgeitems=2).replace(
            "\n", ""
        )
    )
