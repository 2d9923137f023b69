"""The empty room, learned while nobody is seen, and what is left when it is subtracted."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.calibration_file import RoomPart, Step
from edge.core.contracts import Source
from edge.core.errors import EndOfStreamError
from edge.sensor.empty_room import UNSEEN_S, PeriodResponses
from edge.sensor.pipeline import Pipeline
from edge.sound.room.background import FIRST_PERIODS, Background

LEAST_PERIODS = 2 * FIRST_PERIODS
ROOM_LIMIT_DB = -15.0


@dataclass(frozen=True, eq=False)
class WatchedRoom:
    """What a source gave. periods: good ones. frame_times_ns: (F,) of the frames' exposures.
    person: (F,) whether that frame shows a person.
    """

    periods: list[PeriodResponses]
    frame_times_ns: npt.NDArray[np.int64]
    person: npt.NDArray[np.bool_]


def watch(source: Source, pipeline: Pipeline, seconds: float) -> WatchedRoom:
    """Listen and look for `seconds`, or until a recording ends. Raises what the source raises."""
    periods: list[PeriodResponses] = []
    times: list[int] = []
    person: list[bool] = []
    sound, images, end = True, True, time.monotonic() + seconds
    while (sound or images) and (source.kind != "device" or time.monotonic() < end):
        # One after the other, each for a moment: neither queues up.
        try:
            if (
                sound
                and (period := source.audio.read(0.02)) is not None
                and (h := pipeline.hear(period)) is not None
            ):
                periods.append(h)
        except EndOfStreamError:
            sound = False
        try:
            if images and (frame := source.frames.read(0.02)) is not None:
                times.append(frame.t_ns)
                person.append(bool(pipeline.see(frame).people))
        except EndOfStreamError:
            images = False
    return WatchedRoom(periods, np.array(times, np.int64), np.array(person, bool))


def learn_room(watched: WatchedRoom, background: Background) -> tuple[RoomPart | None, Step]:
    """Learn the first half of the empty periods; measure what is left of the second."""
    empty = [h for h in watched.periods if _nobody(watched, h.middle_ns)]
    if len(empty) < LEAST_PERIODS:
        found = f"the camera saw nobody during {len(empty)} periods of sound"
        remedy = "leave the room for half a minute while it records"
        return None, Step("room", "open", f"{found}, but {LEAST_PERIODS} are needed", remedy)
    half = len(empty) // 2
    left: list[float] = []
    for number, h in enumerate(empty):
        # The second half counts as with somebody about who is not seen: nothing is learned.
        kernels = background.step(h.responses, h.middle_ns, () if number < half else None)
        if number >= half and kernels is not None:
            left.append(float(np.sum(np.abs(kernels) ** 2) / np.sum(np.abs(h.responses) ** 2)))
    if len(left) < half // 2:
        found = f"{half - len(left)} of {half} periods do not look like the room that the first"
        remedy = "see what moves or sounds in the room, and record again"
        return None, Step("room", "fault", f"{found} {half} showed", remedy, "room")
    left_db = 10.0 * float(np.log10(np.median(left) + 1e-30))
    part = RoomPart(left_db, len(empty))
    found = (
        f"the empty room is left at {left_db:.0f} dB when it is taken out "
        f"(learned from {half} periods, nobody in view)"
    )
    if left_db > ROOM_LIMIT_DB:
        remedy = "stop what moves or hums (fan, curtain, clock drift), and record again"
        return part, Step("room", "warning", found, remedy)
    return part, Step("room", "ok", found)


def _nobody(watched: WatchedRoom, t_ns: int) -> bool:
    """The camera looked within UNSEEN_S of t_ns, before and after, and saw nobody."""
    near = np.abs(watched.frame_times_ns - t_ns) <= UNSEEN_S * 1e9
    return bool(near.any() and not watched.person[near].any())
