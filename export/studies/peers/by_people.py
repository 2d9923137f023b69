"""A whole frame, image and one period of sound to poses in metres, by how many people it poses; and
the same images through MediaPipe Pose, which poses one person, without metres.

Both take turns, frame by frame, so that other load of the machine meets both alike.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.errors import ModelError
from edge.sensor.pipeline import Pipeline
from edge.sources.session.reader import DEMO_SESSION
from export.studies.peers.parts import make_pipeline, recorded_frames, session_plan

MEDIAPIPE = "pip install 'posekernel[mediapipe]' in an environment of its own (Python 3.11 or 3.12)"
SMALLEST = 5  # frames; a number of people that is posed less often has no row


@dataclass(frozen=True)
class PeopleRow:
    """Frames with so many people posed. Median wall time and mean processor time of all threads
    [ms] a frame, ours and MediaPipe's, NaN where it is not installed. ratio: of the wall times,
    median over the frames.
    """

    people: int
    frames: int
    median_ms: float
    processor_ms: float
    peer_median_ms: float = float("nan")
    peer_processor_ms: float = float("nan")
    ratio: float = float("nan")


Pose = Callable[[npt.NDArray[np.uint8]], object]


def by_people(
    sessions: Sequence[Path] = (DEMO_SESSION,), rounds: int = 3, frames: int | None = None
) -> list[PeopleRow]:
    """Rows by number of people, over the frames of all sessions, each `rounds` times after one that
    is not timed. frames: only so many of each. Raises ModelError where MediaPipe is broken.
    """
    spent: dict[int, list[tuple[float, ...]]] = defaultdict(list)
    for session in sessions:
        for people, times in _frames(session, rounds, frames):
            spent[people].append(times)
    return [_row(n, np.array(spent[n])) for n in sorted(spent) if len(spent[n]) >= SMALLEST]


def _frames(
    session: Path, rounds: int, frames: int | None
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """How many people each frame posed; wall and processor time, ours and then MediaPipe's [ms]."""
    plan = session_plan("ray", session=session)
    pipeline = make_pipeline(plan)
    pairs = recorded_frames(plan)[:frames]
    with _mediapipe() as peer:
        for turn in range(rounds + 1):
            pipeline.resume()
            for frame, period in pairs:
                began = _now()
                people = _posed(pipeline, frame, period)
                ended = _now()
                after = np.full(2, np.nan)
                if peer is not None:
                    peer(frame.image)
                    after = _now() - ended
                if turn > 0:
                    yield people, (*(ended - began), *after)


def _posed(pipeline: Pipeline, frame: Any, period: Any) -> int:
    heard = pipeline.hear(period)
    estimate = pipeline.fuse(pipeline.see(frame, "simulated"), heard, "simulated")
    if estimate is None:
        return 0
    return sum(bool(np.isfinite(p.pose.joints).any()) for p in estimate.people)


def _now() -> npt.NDArray[np.float64]:
    """Wall and processor time of all threads [ms]."""
    return 1e3 * np.array([time.perf_counter(), time.process_time()])


@contextmanager
def _mediapipe() -> Iterator[Pose | None]:
    """MediaPipe Pose, its full model, following one person; None where it is absent."""
    try:
        from mediapipe import solutions
    except ImportError:
        yield None
        return
    try:
        with solutions.pose.Pose(static_image_mode=False, model_complexity=1) as pose:
            yield pose.process
    except RuntimeError as e:
        raise ModelError(f"MediaPipe: {e}; {MEDIAPIPE}") from e


def _row(people: int, times: npt.NDArray[np.float64]) -> PeopleRow:
    wall, processor, peer_wall, peer_processor = times.T
    return PeopleRow(
        people=people,
        frames=len(times),
        median_ms=float(np.median(wall)),
        processor_ms=float(np.mean(processor)),
        peer_median_ms=float(np.median(peer_wall)),
        peer_processor_ms=float(np.mean(peer_processor)),
        ratio=float(np.median(wall / peer_wall)),
    )
