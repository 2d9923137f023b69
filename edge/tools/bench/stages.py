"""Every stage timed inside a real run: the shipped session, as fast as it goes."""

from dataclasses import dataclass
from typing import Any

from edge.core.config import Config, OscConfig, RuntimeConfig, SourceConfig
from edge.core.pose import FrameEstimate, Keypoints
from edge.core.rig import Rig
from edge.output.messages.payloads import encode, pose_message
from edge.output.osc.avatar import AvatarStream
from edge.sensor.hearing import Counters
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.process.warm_up import warm_up
from edge.sound.pose_kernel import Kernels, make_kernels
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.bench.measure import FrameTimer, Timing

FRONT_END = "sound (deconvolution, empty room, envelope)"
BEHAVIOUR = "tracks, presence and posture"
AVATAR = "avatar (osc.enabled)"
_DISCARD = OscConfig(enabled=True, port=9, person="nearest")  # nobody need listen


@dataclass(frozen=True, eq=False)
class NetworkInputs:
    """What the networks of that run were given. people: everybody's 2D joints and the pose kernels
    of each frame in which somebody was lifted. image: one of these frames, None where there was
    none.
    """

    rig: Rig
    people: list[tuple[list[Keypoints], Kernels | None]]
    image: Any


def bench_stages(config: Config, frames: int = 10_000) -> tuple[list[Timing], NetworkInputs]:
    """Times of all stages, and the networks' inputs. frames: at most so many of the session.

    Raises PosekernelError.
    """
    # Of the configuration only what does not belong to a rig and a room of its own.
    shipped = Config(
        device=config.device,
        source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
        keypoints=config.keypoints,
        lifter=config.lifter,
        track=config.track,
        runtime=RuntimeConfig(state_dir=config.runtime.state_dir, tflite=config.runtime.tflite),
    )
    plan = make_plan(shipped)
    run = _Run(plan, frames)
    run.through(FrameTimer())  # learns the room and grows every buffer
    timer = FrameTimer()
    run.through(timer)
    return timer.stages(), NetworkInputs(plan.rig, run.people, run.image)


class _Run:
    """One pipeline that runs over the session again and again."""

    def __init__(self, plan: SensorPlan, frames: int) -> None:
        self._plan, self._frames = plan, frames
        self._pipeline = p = Pipeline(plan.config, plan.rig, plan.excitation, plan.correction)
        warm_up(p)
        self._stages = (
            p.deconvolve, p.room.background, p.find_people, p.pose.lift, p.associate, p.people
        )  # fmt: skip
        kind = plan.config.lifter.kind
        variant = "" if kind == "geometric" else f" {p.execution.variant}"
        self._lifter = f"lifter ({kind}{variant})"
        self.people: list[tuple[list[Keypoints], Kernels | None]] = []
        self.image: Any = None
        self._lifted = False  # in the newest frame

    def through(self, timer: FrameTimer) -> None:
        """The whole session once."""
        p: Any = self._pipeline
        deconvolve, background, find_people, lift, associate, people = self._stages
        p.hearing.deconvolve = timer.watch(deconvolve, calling=FRONT_END)
        p.room.background = timer.watch(background, step=FRONT_END)
        p.find_people = timer.watch(find_people, calling="people (MoveNet)")
        p.pose.lift = lambda k, s, rig, sizes=(): self._lift(timer, lift, k, s, rig, sizes)
        p.associate = timer.watch(associate, calling=BEHAVIOUR)
        p.people = timer.watch(people, calling=BEHAVIOUR)
        avatar = AvatarStream(_DISCARD, p.image_s)
        source, before = self._plan.open(), p.counters.frames
        source.audio = timer.watch(source.audio, read="read sound (file)")
        source.frames = _FrameByFrame(timer, source.frames)  # type: ignore[assignment]
        see = p.see
        p.see = lambda frame, kind: self._see(see, frame, kind)
        p.resume()
        self.people.clear()
        try:
            stop = _After(p.counters, before + self._frames)
            for estimate in offline_poses(p, source, stop, lambda _: None):
                if p.room.newest is not None and p.room.newest[1] is not None:
                    # The pipeline makes the envelope inside its subtraction of the room: made
                    # once more, of the same data, to be timed.
                    k = p.room.newest[1]
                    timer.call(FRONT_END, make_kernels, k.analytic, k.sample_rate_hz, k.band_hz)
                timer.call("encode", _encoded, estimate)
                timer.call(AVATAR, avatar.pose, estimate)
        finally:
            p.see = see
            source.close()
            avatar.close()

    def _lift(
        self,
        timer: FrameTimer,
        lift: Any,
        people: list[Keypoints],
        kernels: Any,
        rig: Rig,
        sizes: Any,
    ) -> Any:
        # Now and then the pipeline lifts once more, to learn people's sizes.
        if people and not self._lifted:
            self._lifted = True
            self.people.append((people, kernels))
        return timer.call(self._lifter, lift, people, kernels, rig, sizes)

    def _see(self, see: Any, frame: Any, kind: str) -> Any:
        seen = see(frame, kind)
        self._lifted = False
        if seen.people:
            self.image = frame.image
        return seen


class _FrameByFrame:
    """Reads images and tells the timer that a new frame begins."""

    def __init__(self, timer: FrameTimer, frames: Any) -> None:
        self._timer, self._frames = timer, frames

    def read(self, timeout_s: float) -> Any:
        self._timer.next_frame()
        return self._timer.call("read image (video)", self._frames.read, timeout_s)

    def close(self) -> None:
        self._frames.close()


class _After:
    """Stops once so many frames were seen."""

    def __init__(self, counters: Counters, frames: int) -> None:
        self._counters, self._frames = counters, frames

    def is_set(self) -> bool:
        return self._counters.frames >= self._frames


def _encoded(estimate: FrameEstimate) -> bytes:
    return encode(pose_message(estimate, "bench"))
