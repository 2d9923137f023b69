"""The shipped session with its images spoiled: people of whom only the head is in view, and a room
too dark to see anybody in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Image
from edge.core.config import Config, DeviceConfig, SourceConfig
from edge.core.contracts import Frame, FrameSource
from edge.core.pose import MID_HIP, SEEN, FrameEstimate
from edge.output.messages.fields import Message
from edge.output.messages.summary import SummaryKeeper
from edge.sensor.loops import replayed
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sources.session.reader import DEMO_SESSION, Session
from edge.sources.session.truth import match_people, true_joints

HIPS = (MID_HIP, 9, 12)
BELOW_NECK_PX = 30
DARK = 0.05
GREY = 96

Change = Callable[[Image, int], Image]


@dataclass(frozen=True, slots=True)
class HiddenHips:
    """Of the hips' joints in the poses of people of whom only the head is in view: how many there
    are, how many have a confidence below SEEN, and how many else lie within their 1-sigma.
    """

    joints: int
    told_hidden: int
    within_sigma: int
    median_error_m: float

    @property
    def honest(self) -> float:
        """Share that is told as hidden or lies within the 1-sigma."""
        return (self.told_hidden + self.within_sigma) / max(self.joints, 1)


class SpoiledFrames:
    """A frame source whose images are changed."""

    def __init__(self, frames: FrameSource, change: Change) -> None:
        self._frames, self._change = frames, change
        self.counters = frames.counters

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, changed."""
        frame = self._frames.read(timeout_s)
        return frame and replace(frame, image=self._change(frame.image, frame.index))

    def close(self) -> None:
        """Close the frames."""
        self._frames.close()


def spoiled_estimates(change: Change) -> Iterator[tuple[Session, FrameEstimate | None, str | None]]:
    """The shipped session with changed images: each frame's estimate, and why it is blind. The last
    one has no estimate.
    """
    plan = make_plan(
        Config(DeviceConfig("spoiled"), SourceConfig("replay", str(DEMO_SESSION), realtime=False))
    )
    assert plan.session is not None
    pipeline = Pipeline(plan.config, plan.rig, plan.excitation)
    source = plan.open()
    source = replace(source, frames=SpoiledFrames(source.frames, change))
    for estimate in replayed(pipeline, source):
        yield plan.session, estimate, pipeline.blind
    yield plan.session, None, pipeline.blind


def only_heads() -> HiddenHips:
    """Paint over everybody below the neck, and see what is said of their hips."""
    session = make_plan(
        Config(DeviceConfig("spoiled"), SourceConfig("replay", str(DEMO_SESSION), realtime=False))
    ).session
    camera = session.rig.camera if session is not None else None

    def paint(image: Image, index: int) -> Image:
        assert camera is not None
        out = image.copy()
        true = true_joints(session, index)
        for person in [] if true is None else true:
            if np.isfinite(person[[1, MID_HIP]]).all():
                neck, hip = camera.project(person[[1, MID_HIP]])
                top = max(round(neck[1]) + BELOW_NECK_PX, 0)
                half = 1.5 * abs(hip[1] - neck[1])
                out[top:, max(round(neck[0] - half), 0) : max(round(neck[0] + half), 0)] = GREY
        return out

    told = within = count = 0
    errors = []
    for session, estimate, _ in spoiled_estimates(paint):
        true = None if estimate is None else true_joints(session, estimate.frame)
        if estimate is None or true is None:
            continue
        joints = np.array([p.pose.joints for p in estimate.people])
        for row, person, _ in match_people(joints, true):
            pose = estimate.people[row].pose
            for joint in HIPS:
                error = float(np.linalg.norm(pose.joints[joint] - true[person, joint]))
                errors.append(error)
                count += 1
                if pose.confidence[joint] < SEEN:
                    told += 1
                else:
                    within += error <= pose.sigma[joint]
    return HiddenHips(count, told, within, float(np.median(errors)) if errors else float("nan"))


def in_the_dark() -> tuple[bool, list[str]]:
    """Whether the summary ever says that nobody, or somebody, is there, and its reasons for not
    knowing.
    """
    said: list[Message] = []
    now = [0.0]
    summary = SummaryKeeper("spoiled", "simulated", (), said.append, clock=lambda: now[0])
    for _, estimate, blind in spoiled_estimates(
        lambda image, _: np.asarray(DARK * image, np.uint8)
    ):
        now[0] += 0.1
        if estimate is not None:
            summary.pose(estimate)
        summary.tick(blind)
    claims = any(m["occupancy"] is not None for m in said)
    return claims, sorted({str(m["unknown_because"]) for m in said if m["unknown_because"]})
