"""Films whose frames are not equally far apart, as telephones and web cameras record them.

OpenCV writes one rate only, so the table of times (`stts`, ISO/IEC 14496-12 8.6.1.2) of its MP4
file is replaced.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

_RATE = 30.0
_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def variable_rate_film(
    path: Path, size: tuple[int, int], parts: Sequence[tuple[int, float]]
) -> Path:
    """An MP4 film at `path`. size: width, height. parts: so many images, each shown so long [s]."""
    count = sum(images for images, _ in parts)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), _RATE, size)
    for i in range(count):
        writer.write(np.full((size[1], size[0], 3), 40 + 2 * (i % 100), np.uint8))
    writer.release()
    path.write_bytes(_retimed(path.read_bytes(), parts))
    return path


def _retimed(film: bytes, parts: Sequence[tuple[int, float]]) -> bytes:
    at = film.index(b"stts") - 4
    (old_bytes,) = struct.unpack_from(">I", film, at)
    ticks = _ticks_per_s(film)
    table = struct.pack(">II", 0, len(parts)) + b"".join(
        struct.pack(">II", images, round(seconds * ticks)) for images, seconds in parts
    )
    box = struct.pack(">I", 8 + len(table)) + b"stts" + table
    out = bytearray(film[:at] + box + film[at + old_bytes :])
    assert film.index(b"mdat") < film.index(b"moov"), "offsets of the images would change"
    for parent in _PARENTS:
        start = out.index(parent) - 4
        (was,) = struct.unpack_from(">I", out, start)
        struct.pack_into(">I", out, start, was + len(box) - old_bytes)
    # The edit list would end the film at its former duration.
    return bytes(out).replace(b"edts", b"free")


def _ticks_per_s(film: bytes) -> int:
    at = film.index(b"mdhd") + 4
    if film[at] != 0:
        raise ValueError("mdhd of version 0 is needed")
    return int(struct.unpack_from(">I", film, at + 12)[0])
