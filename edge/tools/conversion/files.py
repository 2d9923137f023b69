"""From a recording to files, and what to know of each in a line."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.core.errors import ConfigError
from edge.core.files import write_whole
from edge.tools.conversion.bvh import bvh_text, make_motion, whole_poses
from edge.tools.conversion.table import csv_text
from edge.tools.conversion.takes import PoseRecording, Take
from edge.tools.conversion.timeline import even_times, stretches
from edge.tools.conversion.trc import trc_text

FORMATS = (".bvh", ".trc", ".csv")


def write_takes(recording: PoseRecording, out: Path, person: int | None) -> Iterator[str]:
    """Write each person's file, and say a line about it once it is there.

    out: its ending is the format. person: only this one's, named `out`; None: of everybody who was
    ever present, with their number in the name. Raises ConfigError.
    """
    if person is not None:
        yield from _write(_one(recording, person), recording.interval_s, out)
        return
    here = [take for take in recording.takes.values() if take.present]
    if not here:
        raise ConfigError(
            f"nobody in it was ever present in the room, only {_numbers(recording)}; "
            "--person N converts one of them all the same"
        )
    for take in here:
        path = out.with_name(f"{out.stem}-{take.person}{out.suffix}")
        yield from _write(take, recording.interval_s, path)
    for take in recording.takes.values():
        if not take.present:
            yield (
                f"person {take.person}: left out, never present in the room "
                f"({take.people[-1].presence}); --person {take.person} converts it all the same"
            )


def check_out(out: Path) -> None:
    """Raises ConfigError where the ending is of no known format."""
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(
            f"--out: found {out.name!r}, but a name that ends in {', '.join(FORMATS)} is needed: "
            "the ending is the format"
        )


def _one(recording: PoseRecording, person: int) -> Take:
    if person not in recording.takes:
        raise ConfigError(f"--person: found {person}, but in it are {_numbers(recording)}")
    return recording.takes[person]


def _numbers(recording: PoseRecording) -> str:
    return "people " + ", ".join(str(p) for p in recording.takes)


def _write(take: Take, interval_s: float, path: Path) -> Iterator[str]:
    if path.suffix.lower() == ".csv":
        _put(path, csv_text(take))
        yield f"{path}: person {take.person}, {len(take.times_s)} poses, {_span(take)}"
    elif path.suffix.lower() == ".trc":
        timeline = even_times(take.times_s, interval_s)
        _put(path, trc_text(take, timeline, path.name))
        blank = int((timeline.rows < 0).sum())
        yield (
            f"{path}: person {take.person}, {len(timeline.rows)} rows at {1 / interval_s:.4g} Hz, "
            f"{_span(take)}; {blank} are blank, {timeline.unused} poses fell between rows"
        )
    else:
        yield from _write_bvh(take, interval_s, path)


def _write_bvh(take: Take, interval_s: float, path: Path) -> Iterator[str]:
    whole = whole_poses(take)
    if not whole.any():
        raise ConfigError(
            f"person {take.person}: no pose has all joints, but a skeleton needs them; convert to "
            ".csv or .trc"
        )
    keep = np.flatnonzero(whole)
    take = replace(take, times_s=take.times_s[keep], joints=take.joints[keep])
    motion, timeline = make_motion(take), even_times(take.times_s, interval_s)
    for k, stretch in enumerate(stretches(timeline)):
        part = path if k == 0 else path.with_name(f"{path.stem}.part{k + 1}{path.suffix}")
        _put(part, bvh_text(motion, stretch.rows, interval_s))
        yield (
            f"{part}: person {take.person}, {len(stretch.rows)} frames at {1 / interval_s:.4g} Hz "
            f"from {timeline.time_s(stretch.first):.2f} s, {stretch.repeated} of them repeat the "
            f"one before; joints {100 * np.median(motion.off_m[stretch.rows]):.1f} cm (median) off "
            "the messages', as bones keep their lengths"
        )


def _span(take: Take) -> str:
    return f"{take.times_s[0]:.2f} to {take.times_s[-1]:.2f} s"


def _put(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode())
    except (OSError, ValueError) as e:
        why = getattr(e, "strerror", None) or e
        raise ConfigError(f"{path}: cannot be written ({why}); name another path") from e
