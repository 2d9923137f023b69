"""Every stage timed inside a real run: the shipped session, as fast as it goes, with the networks
of a configuration.
"""

from dataclasses import dataclass
from typing import Any

from edge.core.config import Config, RuntimeConfig, SourceConfig
from edge.core.pose import Keypoints, PoseEstimate
from edge.core.rig import Rig
from edge.output.messages.payloads import encode, pose_message
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Counters, Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.warm_up import warm_up
from edge.sound.pose_kernel import Kernels, make_kernels
from edge.tools.app import DEMO_SESSION
from edge.tools.bench.front_end import GROUP as FRONT_END
from edge.tools.bench.front_end import FrontEnd
from edge.tools.bench.measure import CallTimer, Row

GROUP = "run"
_FRONT_END_RUNS = 60


@dataclass(frozen=True, eq=False)
class Given:
    """What the stages of that run were given. persons: 2D joints and pose kernels. image: one with
    somebody in it.
    """

    rig: Rig
    persons: list[tuple[Keypoints, Kernels | None]]
    image: Any


def bench_stages(config: Config, frames: int = 10_000) -> tuple[list[Row], Given]:
    """Rows of the group "run", per call and per frame, and what others can be measured on. Raises
    PosekernelError.

    frames: no more than so many of the session.
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
    with CallTimer() as unused:  # the room is learned and every buffer grown
        run.turn(unused)
    with CallTimer() as clock:
        seen = run.turn(clock)
    with CallTimer(allocations=True) as watched:
        run.turn(watched)
    return clock.rows(GROUP, watched, seen), Given(plan.rig, run.persons, run.image)


def bench_front_end(repetitions: int = _FRONT_END_RUNS) -> tuple[list[Row], FrontEnd]:
    """Rows of the group "front end": 6 microphones of 4800 samples, 64 x 64 x 48 voxels, somebody
    walks in a learned room.
    """
    end = FrontEnd()
    with CallTimer() as unused:
        for _ in range(3):
            end.run(unused)
    with CallTimer() as clock:
        for _ in range(repetitions):
            clock.call("all", end.run, clock)
    empty = _empty_room(repetitions)
    with CallTimer(allocations=True) as watched:
        for _ in range(5):
            end.run(watched)
    return [*clock.rows(FRONT_END, watched), *empty], end


def _empty_room(repetitions: int) -> list[Row]:
    end = FrontEnd(voxels=(1, 1, 1))
    with CallTimer() as clock:
        for _ in range(repetitions):
            end.learn_empty(clock)
    return clock.rows(FRONT_END)


class _Run:
    """One pipeline, run over the session again and again under different clocks."""

    def __init__(self, plan: SensorPlan, frames: int) -> None:
        self._frames = frames
        self.persons: list[tuple[Keypoints, Kernels | None]] = []
        self.image: Any = None
        self._plan = plan
        self._pipeline = p = Pipeline(plan.config, plan.rig, plan.excitation, plan.correction)
        warm_up(p)
        self._stages = (p.deconvolve, p.background, p.keypoints, p.lift, p.track, p.recognise)
        kind, seeing = plan.config.lifter.kind, plan.config.keypoints.model
        self._lifter = (
            f"lifter ({kind})" if kind == "geometric" else f"lifter ({kind} {p.execution.variant})"
        )
        self._keypoints = f"keypoints ({seeing})"

    def turn(self, clock: CallTimer) -> int:
        """The whole session once; how many frames it has."""
        p: Any = self._pipeline
        deconvolve, background, keypoints, lift, track, recognise = self._stages
        p.deconvolve = clock.watch(deconvolve, calling="deconvolution")
        p.background = clock.watch(background, step="background")
        p.keypoints = clock.watch(keypoints, calling=self._keypoints)
        p.lift = lambda k, s, rig: self._lift(clock, lift, k, s, rig)
        p.track = clock.watch(track, calling="track")
        p.recognise = clock.watch(recognise, calling="activity")
        source, before = self._plan.open(), p.counters.frames
        source.audio = clock.watch(source.audio, read="read sound (file)")
        source.frames = clock.watch(source.frames, read="read image (video)")
        see = p.see
        p.see = lambda frame: self._remember(see, frame)
        p.resume()
        self.persons.clear()
        try:
            for estimate in offline_poses(
                p, source, _After(p.counters, before + self._frames), lambda _: None
            ):
                if p.kernels is not None and p.kernels[1] is not None:
                    k = p.kernels[1]
                    # Within the pipeline it is part of the subtraction: timed once more, on the
                    # same data.
                    clock.call("envelope", make_kernels, k.analytic, k.sample_rate_hz, k.band_hz)
                clock.call("encode", _encoded, estimate)
        finally:
            p.see = see
            source.close()
        return int(p.counters.frames - before)

    def _lift(
        self, clock: CallTimer, lift: Any, keypoints: Keypoints, kernels: Kernels | None, rig: Rig
    ) -> Any:
        self.persons.append((keypoints, kernels))
        return clock.call(self._lifter, lift, keypoints, kernels, rig)

    def _remember(self, see: Any, frame: Any) -> Any:
        seen = see(frame)
        if seen.keypoints is not None:
            self.image = frame.image
        return seen


class _After:
    """Stops once so many frames were seen."""

    def __init__(self, counters: Counters, frames: int) -> None:
        self._counters, self._frames = counters, frames

    def is_set(self) -> bool:
        return self._counters.frames >= self._frames


def _encoded(estimate: PoseEstimate) -> bytes:
    return encode(pose_message(estimate, "bench"))
