"""Reads the poses of a message file: one take for each person."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array
from edge.core.errors import ConfigError, SessionError
from edge.core.pose import N_JOINTS
from edge.core.typed import convert, parse_json
from edge.output.messages.pose_message import PersonEntry, PoseMessage

_POSE = "posekernel.pose/2"
# More than a message with six people takes [bytes], and farther than any joint is [m].
_LONGEST_LINE, _FARTHEST_M = 1 << 20, 1000.0
_UNKNOWN = (np.nan, np.nan, np.nan)


@dataclass(slots=True)
class _Rows:
    times_s: list[float] = field(default_factory=list)
    timestamps: list[str] = field(default_factory=list)
    people: list[PersonEntry] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Take:
    """One person's poses (T) in the order of time.

    times_s: (T,) since the first pose of the file, on the sensor's own clock. joints: (T, 15, 3)
    [m] in the axes of `room` (x right, y forward, z up, origin on the floor below the camera), else
    of the camera (x right, y down, z forward); NaN where unknown, as in sigma (T, 15), 1-sigma [m],
    and confidence (T, 15), 0..1. people: the entries themselves.
    """

    person: int
    room: bool
    times_s: Array
    timestamps: list[str]
    joints: Array
    sigma: Array
    confidence: Array
    people: list[PersonEntry]

    @property
    def present(self) -> bool:
        """Whether this was ever somebody in the room."""
        return any(entry.presence == "present" for entry in self.people)


@dataclass(frozen=True, eq=False)
class PoseRecording:
    """All takes of a file by the people's numbers. interval_s: between two images. room: whether
    the room frame is known throughout. cut_off: the last line is not whole and was left out.
    """

    takes: dict[int, Take]
    interval_s: float
    room: bool
    cut_off: bool


def read_recording(path: Path) -> PoseRecording:
    """The poses of one sensor's run, one JSON message a line; other messages are passed over.

    Raises SessionError for a file that cannot be read, is damaged, or holds no poses, those of an
    earlier version, of two sensors or of two runs.
    """
    rows: dict[int, _Rows] = {}
    times_ns: list[int] = []
    room, last = True, None
    lines = _Lines(path)
    for where, raw in lines:
        message = _pose_message(where, raw)
        if message is None:
            continue
        if last is not None:
            _check_same_run(where, last, message)
        last = message
        times_ns.append(message.monotonic_ns)
        room = room and "room" in message.frames
        for entry in message.people:
            row = rows.setdefault(entry.id, _Rows())
            row.times_s.append(1e-9 * (message.monotonic_ns - times_ns[0]))
            row.timestamps.append(message.timestamp)
            row.people.append(entry)
    if not rows:
        raise SessionError(
            f"{path}: found no pose, but messages of a sensor are needed, one JSON object a line; "
            "`posekernel replay DIR --messages F` writes them, and so does mosquitto_sub"
        )
    takes = {person: _take(person, rows[person], room) for person in sorted(rows)}
    return PoseRecording(takes, _interval_s(np.array(times_ns)), room, lines.cut_off)


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe, too; one that nobody writes to is empty then, and not waited for."""
    file = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(file, True)
    return file


class _Lines:
    """The JSON objects of a file, each with where it stands, for errors."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cut_off = False

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            with open(self._path, "rb", opener=_without_waiting) as file:
                number = 0
                while line := file.readline(_LONGEST_LINE + 1):
                    number += 1
                    where = f"{self._path}: line {number}"
                    if len(line) > _LONGEST_LINE:
                        raise SessionError(
                            f"{where}: longer than {_LONGEST_LINE} bytes, but a message is needed"
                        )
                    if not line.strip():
                        continue
                    try:
                        raw = parse_json(line)
                    except ConfigError as e:
                        if not line.endswith(b"\n"):  # as of a program that was stopped
                            self.cut_off = True
                            return
                        raise SessionError(f"{where}: {e}; give a file of messages") from e
                    if not isinstance(raw, dict) or "schema" not in raw:
                        raise SessionError(
                            f"{where}: found no `schema`, but a sensor's messages are needed; give "
                            "what `posekernel replay DIR --messages F` or mosquitto_sub wrote"
                        )
                    yield where, raw
        except (OSError, ValueError) as e:
            if isinstance(e, SessionError):
                raise
            why = getattr(e, "strerror", None) or e
            raise SessionError(f"{self._path}: cannot be read ({why})") from e


def _pose_message(where: str, raw: dict[str, Any]) -> PoseMessage | None:
    """None for another message. Raises SessionError."""
    schema = str(raw["schema"])
    if not schema.startswith("posekernel.pose/"):
        return None
    if schema != _POSE:
        raise SessionError(
            f"{where}: found {schema}, but {_POSE} is needed; make it anew with this version: "
            "`posekernel replay DIR --messages F`"
        )
    try:
        message = convert(raw, PoseMessage)
    except ConfigError as e:
        raise SessionError(f"{where}: {e}") from e
    places = [p for e in message.people for j in e.joints for p in (j.camera, j.room) if p]
    if any(abs(v) > _FARTHEST_M for place in places for v in place):
        raise SessionError(f"{where}: a joint is more than {_FARTHEST_M:g} m away")
    return message


def _check_same_run(where: str, before: PoseMessage, now: PoseMessage) -> None:
    if now.id != before.id:
        raise SessionError(
            f"{where}: found poses of {now.id} behind those of {before.id}, but a file of one "
            "sensor is needed; keep the messages of each in a file of their own"
        )
    if now.sequence <= before.sequence or now.monotonic_ns <= before.monotonic_ns:
        raise SessionError(
            f"{where}: here a new run of the sensor begins, in which the numbers of people begin "
            "anew; keep each run in a file of its own"
        )


def _take(person: int, rows: _Rows, room: bool) -> Take:
    joints = np.array(
        [[(j.room if room else j.camera) or _UNKNOWN for j in e.joints] for e in rows.people]
    )
    assert joints.shape[1:] == (N_JOINTS, 3)
    known = [[(j.sigma_m, j.confidence) for j in e.joints] for e in rows.people]
    sigma, confidence = np.moveaxis(np.array(known, np.float64), -1, 0)
    times_s = np.array(rows.times_s)
    return Take(
        person, room, times_s, rows.timestamps, joints, sigma, confidence, rows.people
    )  # fmt: skip


def _interval_s(times_ns: Array) -> float:
    """The usual time between two images [s], of their times in order; 0.1 where there is one."""
    steps = 1e-9 * np.diff(times_ns)
    if len(steps) == 0:
        return 0.1
    usual = float(np.median(steps))
    images = np.maximum(np.round(steps / usual), 1.0)
    near = images <= 3  # longer gaps would make rounding errors of the first guess count
    return float(steps[near].sum() / images[near].sum())
