"""One frame's way from sound and image to a pose. `Pipeline.fuse` is the whole program; the rest is
threads and queues.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.behaviour.posture import ActivityTracker
from edge.behaviour.track import Tracker
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame, Source, SourceKind
from edge.core.errors import EndOfStreamError, OtherSignalError
from edge.core.inference.execution import execution
from edge.core.pose import Keypoints, PoseEstimate
from edge.core.rig import Rig
from edge.lifting.geometric_lifter import first_arrival_s
from edge.lifting.registry import MODELS, make_lifter
from edge.sight.keypoints import BlazePose
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation
from edge.sound.pose_kernel import Kernels, make_kernels
from edge.sound.room.background import Background

log = logging.getLogger(__name__)

# A detector misses a person now and then, and at the start it may need a sweep of its search
# windows to find one: only after this long unseen does the room count as empty.
UNSEEN_S = 1.0
SETTLE_S = 1.0  # the loudspeaker sounds again this long after it may, and evenly
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class PeriodResponses:
    """Responses (P, T) complex64 of one good period and the time of its middle (CLOCK_MONOTONIC)."""

    index: int
    middle_ns: int
    responses: npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame and what the keypoint network found in it; None: nobody."""

    frame: Frame
    keypoints: Keypoints | None


@dataclass(slots=True)
class Counters:
    """What happened so far; only ever grows. frames_dropped: seen too late to be lifted."""

    frames: int = 0
    frames_dropped: int = 0
    poses: int = 0
    poses_from_sound: int = 0
    periods: int = 0
    periods_faulty: int = 0


class Stop(Protocol):
    """Tells when to stop; a threading.Event does."""

    def is_set(self) -> bool:
        """Whether to stop now."""


class Pipeline:
    """Owns the stages; reads a source and yields poses until the source ends or `stop` is set.

    Make it and `warm_up` before the source is opened: a sensor should not lose the first seconds to
    compiling.
    """

    def __init__(
        self, config: Config, rig: Rig, excitation: Excitation, correction: Correction | None = None
    ) -> None:
        self.config, self.rig = config, rig
        self.counters = Counters()
        self._fault = ""
        self._period_ns = round(1e9 * excitation.period_samples / excitation.sample_rate_hz)
        self._band_hz = excitation.band_hz
        self.deconvolve = Deconvolver(excitation, rig, config.runtime.window_s, correction)
        self.background = Background(
            rig,
            self.deconvolve.sample_rate_hz,
            excitation.band_hz,
            self.deconvolve.window_samples,
            period_s=self._period_ns / 1e9,
            adapt_s=config.background.adapt_s,
            leak_s=config.background.leak_s,
            track_drift=config.background.track_drift,
        )
        if config.background.snapshot and Path(config.background.snapshot).exists():
            try:
                self.background.load(Path(config.background.snapshot))
            except (
                OtherSignalError
            ) as e:  # another excitation, or a release that sampled responses otherwise
                log.warning("%s", e)
        self.execution = execution(config)
        self.keypoints = BlazePose(
            MODELS,
            config.keypoints.model,
            threads=self.execution.keypoints_threads,
            min_confidence=config.keypoints.min_confidence,
            runtime=self.execution.runtime,
        )
        self.lift = make_lifter(config.lifter, self.execution)
        self.track = Tracker(config.track)
        self.recognise = ActivityTracker(config.zones)
        # Written by others, read here. silent: the loudspeaker is off on purpose, so not hearing it
        # is no fault.
        self.silent = False
        self._silent_ns: int | None = None  # newest period of such a pause
        self.seen_ns: int | None = None  # CLOCK_MONOTONIC of the last sight of somebody
        self._image_ns = 0
        self._relearn = threading.Event()
        self._last_person_ns: int | None = None
        self.kernels: tuple[PeriodResponses, Kernels | None] | None = (
            None  # the newest period that was paired with an image; read only
        )

    def warm_up(self) -> None:
        """Compile and load everything that a first frame would wait for, on noise and a stick
        figure.
        """
        rng = np.random.default_rng(0)
        background = Background(
            self.rig,
            self.deconvolve.sample_rate_hz,
            self._band_hz,
            self.deconvolve.window_samples,
            period_s=self._period_ns / 1e9,
            adapt_s=1.0,
            leak_s=300.0,
            track_drift=True,
        )
        quiet = rng.normal(size=(len(self.rig.mics), self.deconvolve.period_samples)).astype(
            np.float32
        )
        pixels = np.zeros((25, 3))
        pixels[:15] = [
            (
                0.5 * self.rig.camera.width + 9 * (k % 3),
                (0.2 + 0.04 * k) * self.rig.camera.height,
                1,
            )
            for k in range(15)
        ]
        figure = Keypoints(pixels, np.full((25, 3), np.nan), 1, 1.0)
        gate = first_arrival_s(figure, self.rig, self.config.lifter)
        self.deconvolve(quiet, quiet[0])
        for k in range(
            12
        ):  # alike, or the background would not take them for a room and its fit stay uncompiled
            hiss = 1e-2 * rng.normal(size=quiet.shape).astype(np.float32)
            responses = self.deconvolve(quiet + hiss, None, 0.5)
            if (
                k > 9
            ):  # an echo that moves, far behind, or what stays meanwhile would not be learned
                at = responses.shape[1] - 40 * (12 - k)
                responses[:, at : at + 8] += np.float32(10.0) * np.abs(responses).max()
            difference = background.step(responses, k * self._period_ns, k > 9, gate)
        if difference is not None:
            self.lift(
                figure,
                make_kernels(difference, self.deconvolve.sample_rate_hz, self._band_hz),
                self.rig,
            )
        self.keypoints(np.zeros((self.rig.camera.height, self.rig.camera.width, 3), np.uint8))

    def relearn(self) -> None:
        """Forget the empty room; it is learned anew as soon as nobody is in view. From any thread."""
        self._relearn.set()

    @property
    def room_learned(self) -> bool:
        """The empty room is known, and nobody has asked to forget it."""
        return self.background.ready and not self._relearn.is_set()

    def image_s(self) -> float:
        """Time of the newest image: the clock of a source that is read as fast as it goes [s]."""
        return self._image_ns * 1e-9

    def resume(self) -> None:
        """Call between two sources: what belongs to the last one's numbering is forgotten."""
        self.kernels, self._last_person_ns, self.seen_ns, self._fault = None, None, None, ""

    def hear(self, period: AudioPeriod) -> PeriodResponses | None:
        """Impulse responses of one period, or None for a period that must not be used."""
        self.counters.periods += 1
        if self.silent:
            self._silent_ns = period.t_ns
        paused = self._silent_ns is not None and period.t_ns - self._silent_ns < SETTLE_S * 1e9
        if paused and period.fault in ("no reference", "unsteady"):
            return None
        if period.fault != self._fault:
            log.log(
                logging.WARNING if period.fault else logging.INFO,
                "sound: %s",
                period.fault or "good again",
            )
            self._fault = period.fault
        if period.fault:
            self.counters.periods_faulty += 1
            return None
        responses = self.deconvolve(period.samples, period.reference, period.delay_samples)
        return PeriodResponses(period.index, period.t_ns + self._period_ns // 2, responses)

    def see(self, frame: Frame) -> Seen:
        """2D joints of one frame."""
        self.counters.frames += 1
        self._image_ns = frame.t_ns
        keypoints = self.keypoints(frame.image)
        if keypoints is not None:
            self.seen_ns = time.monotonic_ns()
        return Seen(frame, keypoints)

    def fuse(
        self, seen: Seen, heard: PeriodResponses | None, kind: SourceKind
    ) -> PoseEstimate | None:
        """One frame and the period heard with it -> a pose in metres, or None when nobody is seen."""
        kernels = self._subtract_room(seen, heard)
        if seen.keypoints is None:
            return None
        lifted = self.lift(seen.keypoints, kernels, self.rig)
        if lifted is None:
            return None
        smoothed = self.track(lifted, seen.frame.t_ns)
        room = (
            None if self.rig.camera.height_m is None else self.rig.camera.to_room(smoothed.joints)
        )
        activity = self.recognise(smoothed, room, seen.frame.t_ns)
        self.counters.poses += 1
        self.counters.poses_from_sound += smoothed.scale_source == "sound"
        now_ns = time.monotonic_ns()
        return PoseEstimate(
            sequence=self.counters.poses,
            frame=seen.frame.index,
            t_ns=seen.frame.t_ns,
            utc_ns=time.time_ns() - (now_ns - seen.frame.t_ns),
            pose=smoothed,
            joints_room=room,
            people=seen.keypoints.people,
            skew_ms=None if heard is None else (heard.middle_ns - seen.frame.t_ns) / 1e6,
            latency_ms=(now_ns - seen.frame.t_ns) / 1e6,
            source=kind,
            activity=activity,
        )

    def _subtract_room(self, seen: Seen, heard: PeriodResponses | None) -> Kernels | None:
        """Pose kernels of this frame; the empty room is learned only while the camera has seen
        nobody for a while.
        """
        if self._relearn.is_set():
            self._relearn.clear()
            self.background.forget()
            self._last_person_ns = seen.frame.t_ns
        if seen.keypoints is not None or self._last_person_ns is None:
            self._last_person_ns = seen.frame.t_ns
        person = seen.frame.t_ns - self._last_person_ns < UNSEEN_S * 1e9
        if heard is None:
            return None
        if self.kernels is not None and heard.index == self.kernels[0].index:
            return self.kernels[1]
        gate = (
            first_arrival_s(seen.keypoints, self.rig, self.config.lifter)
            if seen.keypoints
            else None
        )
        difference = self.background.step(heard.responses, heard.middle_ns, person, gate)
        kernels = (
            None
            if difference is None
            else make_kernels(difference, self.deconvolve.sample_rate_hz, self._band_hz)
        )
        self.kernels = (heard, kernels)
        return kernels

    def offline(
        self, source: Source, stop: Stop, beat: Callable[[str], None]
    ) -> Iterator[PoseEstimate]:
        """As fast as it goes and the same every time: each frame is paired with the period nearest
        to it. Drops nothing.
        """
        heard: deque[PeriodResponses] = deque(maxlen=8)
        audio_ended, heard_until_ns = False, 0
        max_skew_ns = self.config.runtime.max_skew_ms * 1e6
        while not stop.is_set():
            try:
                frame = source.frames.read(_POLL_S)
            except EndOfStreamError:
                return
            beat("image")
            if frame is None:
                continue
            while not audio_ended and heard_until_ns < frame.t_ns + self._period_ns:
                try:
                    period = source.audio.read(_POLL_S)
                except EndOfStreamError:
                    audio_ended = True
                    break
                beat("sound")
                if period is not None:
                    heard_until_ns = period.t_ns + self._period_ns
                    if (h := self.hear(period)) is not None:
                        heard.append(h)
            estimate = self.fuse(
                self.see(frame), _nearest(heard, frame.t_ns, max_skew_ns), source.kind
            )
            if estimate is not None:
                yield estimate

    def live(
        self, source: Source, stop: Stop, beat: Callable[[str], None]
    ) -> Iterator[PoseEstimate]:
        """In real time: sound and image on threads of their own, the newest frame wins, what is
        dropped is counted.

        Ends when `stop` is set or the source ends; an error in a thread is raised here. beat: told
        "sound" and "image" whenever that thread has come round.
        """
        heard: deque[PeriodResponses] = deque(maxlen=32)
        frames: queue.Queue[Seen] = queue.Queue(maxsize=2)
        ended = threading.Event()
        errors: list[BaseException] = []
        threads = [
            threading.Thread(target=_guard, args=(work, ended, errors), name=name, daemon=True)
            for name, work in (
                ("sound", partial(self._hear_all, source, heard, beat)),
                ("image", partial(self._see_all, source, frames, beat)),
            )
        ]
        for t in threads:
            t.start()
        try:
            while not stop.is_set() and not errors:
                try:
                    seen = frames.get(timeout=_POLL_S)
                except queue.Empty:
                    if ended.is_set():
                        break
                    continue
                nearest = _nearest(heard, seen.frame.t_ns, self.config.runtime.max_skew_ms * 1e6)
                estimate = self.fuse(seen, nearest, source.kind)
                if estimate is not None:
                    yield estimate
        finally:
            ended.set()
            for t in threads:
                t.join(1.0)
        if errors:
            raise errors[0]

    def _hear_all(
        self,
        source: Source,
        heard: deque[PeriodResponses],
        beat: Callable[[str], None],
        done: threading.Event,
    ) -> None:
        while not done.is_set():
            period = source.audio.read(_POLL_S)
            beat("sound")
            if period is not None and (h := self.hear(period)) is not None:
                heard.append(h)

    def _see_all(
        self,
        source: Source,
        frames: queue.Queue[Seen],
        beat: Callable[[str], None],
        done: threading.Event,
    ) -> None:
        while not done.is_set():
            frame = source.frames.read(_POLL_S)
            beat("image")
            if frame is None:
                continue
            seen = self.see(frame)
            while True:
                try:
                    frames.put_nowait(seen)
                    break
                except queue.Full:
                    try:
                        frames.get_nowait()
                        self.counters.frames_dropped += 1
                    except queue.Empty:
                        pass


def _guard(
    work: Callable[[threading.Event], None], ended: threading.Event, errors: list[BaseException]
) -> None:
    """Run a thread's work; the end of the source ends the run, an error reaches the caller."""
    try:
        work(ended)
    except EndOfStreamError:
        pass
    except BaseException as e:
        errors.append(e)
    finally:
        ended.set()


def _nearest(
    heard: deque[PeriodResponses], t_ns: int, max_skew_ns: float
) -> PeriodResponses | None:
    """The period whose middle is closest to t_ns, if it is close enough."""
    best = min(list(heard), key=lambda h: abs(h.middle_ns - t_ns), default=None)
    return best if best is not None and abs(best.middle_ns - t_ns) <= max_skew_ns else None
