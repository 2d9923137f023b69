"""One frame's way from sound and image to a pose; `Pipeline.fuse` is the whole program."""

import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from edge.behaviour.activity import ActivityTracker
from edge.behaviour.heads_down import HeadsDown
from edge.behaviour.track import Tracker
from edge.core.arrays import ComplexArray
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame, Problem, SourceKind
from edge.core.errors import DamagedRoomError, OtherSignalError
from edge.core.inference.execution import execution
from edge.core.pose import Keypoints, PairsUsed, PoseEstimate
from edge.core.rig import Rig
from edge.lifting.geometric_lifter import first_arrival_s
from edge.lifting.lifter import MODELS, make_lifter
from edge.sensor.sound_health import NOT_HEARD, SoundHealth, UsablePairs
from edge.sight.keypoints import BlazePose
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation
from edge.sound.pose_kernel import Kernels, make_kernels
from edge.sound.room.background import Background

log = logging.getLogger(__name__)

# A detector misses a person now and then, and at the start it may need a sweep of its search
# windows to find one: only after so long without a sight does the room count as empty.
UNSEEN_S = 1.0
SETTLE_S = 1.0  # after a pause the loudspeaker needs this long until its sound is steady


@dataclass(frozen=True, slots=True)
class PeriodResponses:
    """Responses (P, T) of one good period, the CLOCK_MONOTONIC of its middle, and from which of the
    pairs a pose may be made.
    """

    index: int
    middle_ns: int
    responses: ComplexArray
    usable: UsablePairs


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame and the keypoints found in it; None: nobody."""

    frame: Frame
    keypoints: Keypoints | None


@dataclass(slots=True)
class Counters:
    """Totals since the start. frames_dropped: had keypoints, but a newer frame came first."""

    frames: int = 0
    frames_dropped: int = 0
    poses: int = 0
    poses_from_sound: int = 0
    periods: int = 0
    periods_faulty: int = 0


class Pipeline:
    """The stages and what they remember. `edge.sensor.loops` feeds it from a source.

    Make it and run `warm_up` before the source is opened, or the first seconds are lost to
    compiling. damaged_room: what is wrong with the saved empty room, "" for nothing; the room is
    then learned anew. Raises ConfigError for a room of another rig, ModelError for a network.
    """

    def __init__(
        self, config: Config, rig: Rig, excitation: Excitation, correction: Correction | None = None
    ) -> None:
        self.config, self.rig = config, rig
        self.counters = Counters()
        self.period_ns = round(1e9 * excitation.period_samples / excitation.sample_rate_hz)
        self.band_hz = excitation.band_hz
        self.deconvolve = Deconvolver(excitation, rig, config.runtime.window_s, correction)
        device = config.source.kind == "device"
        self.health = SoundHealth(
            rig,
            self.period_ns / 1e9,
            self.deconvolve.sample_rate_hz,
            config.audio.mic_channels if device else (),
            config.audio.reference_channel if device else None,
        )
        self.background = self.new_background(
            config.background.adapt_s, config.background.leak_s, config.background.track_drift
        )
        self.damaged_room = self._load_room(config.background.snapshot)
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
        self.heads_down = HeadsDown(rig.camera)
        # Set from other threads: the loudspeaker is off on purpose, so a missing excitation is no
        # fault.
        self.silent = False
        self.seen_ns: int | None = None  # CLOCK_MONOTONIC when somebody was last seen
        # The newest period that was paired with an image, and its kernels; read only.
        self.kernels: tuple[PeriodResponses, Kernels | None] | None = None
        self._silent_ns: int | None = None  # of the newest period while silent
        self._fault = ""
        self._image_ns = 0
        self._relearn = threading.Event()
        self._last_person_ns: int | None = None

    def _load_room(self, snapshot: str) -> str:
        """Begin with the saved empty room, where there is one. Returns how it is damaged, "" where
        it is not.
        """
        if not snapshot or not os.path.lexists(snapshot):
            return ""
        try:
            self.background.load(Path(snapshot))
        except OtherSignalError as e:
            log.warning("%s", e)
        except DamagedRoomError as e:
            self.background.forget()
            return str(e)
        return ""

    def new_background(self, adapt_s: float, leak_s: float, track_drift: bool) -> Background:
        """A model of the empty room for this rig and excitation that has learned nothing yet."""
        return Background(
            self.rig,
            self.deconvolve.sample_rate_hz,
            self.band_hz,
            self.deconvolve.window_samples,
            period_s=self.period_ns / 1e9,
            adapt_s=adapt_s,
            leak_s=leak_s,
            track_drift=track_drift,
        )

    def relearn(self) -> None:
        """Forget the empty room; it is learned anew as soon as nobody is in view. Thread-safe."""
        self._relearn.set()

    @property
    def room_learned(self) -> bool:
        """The empty room is known, and nobody has asked to forget it."""
        return self.background.ready and not self._relearn.is_set()

    def image_s(self) -> float:
        """Time of the newest image [s]: the clock of a session that is read faster than it ran."""
        return self._image_ns * 1e-9

    def newest_kernels(self) -> tuple[int, Kernels] | None:
        """The newest pose kernels and CLOCK_MONOTONIC of their period's middle [ns], or None."""
        newest = self.kernels  # read once: another thread replaces it
        if newest is None or newest[1] is None:
            return None
        return newest[0].middle_ns, newest[1]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with microphones and camera now."""
        camera = self.heads_down.problem
        return self.health.problems + (() if camera is None else (camera,))

    def resume(self) -> None:
        """Call between two sources: drops what refers to the last one's period numbers."""
        self.kernels, self._last_person_ns, self.seen_ns, self._fault = None, None, None, ""
        self.health.forget()
        self.heads_down.forget()

    def hear(self, period: AudioPeriod) -> PeriodResponses | None:
        """Impulse responses of one period, or None for a period that must not be used."""
        self.counters.periods += 1
        if self.silent:
            self._silent_ns = period.t_ns
        paused = self._silent_ns is not None and period.t_ns - self._silent_ns < SETTLE_S * 1e9
        if paused and period.fault in NOT_HEARD:
            self.health(period.samples, None, None)
            return None
        if period.fault != self._fault:
            level = logging.WARNING if period.fault else logging.INFO
            log.log(level, "sound: %s", period.fault or "good again")
            self._fault = period.fault
        if period.fault:
            self.counters.periods_faulty += 1
            if period.fault in NOT_HEARD:
                self.health(period.samples, None, period.reference)
            return None
        responses = self.deconvolve(period.samples, period.reference, period.delay_samples)
        self.health(period.samples, responses, period.reference)
        middle_ns = period.t_ns + self.period_ns // 2
        return PeriodResponses(period.index, middle_ns, responses, self.health.usable)

    def see(self, frame: Frame) -> Seen:
        """2D joints of one frame."""
        self.counters.frames += 1
        self._image_ns = frame.t_ns
        keypoints = self.keypoints(frame.image)
        if keypoints is not None:
            self.seen_ns = time.monotonic_ns()
        before = self.heads_down.problem
        problem = self.heads_down(keypoints, frame.t_ns)
        if problem is not before:
            level = logging.INFO if problem is None else logging.WARNING
            log.log(level, "camera: %s", problem.remedy if problem else "people stand upright")
        return Seen(frame, keypoints)

    def fuse(
        self, seen: Seen, sound: PeriodResponses | None, kind: SourceKind
    ) -> PoseEstimate | None:
        """One frame and its period of sound -> a pose in metres, or None when nobody is seen."""
        kernels = self._subtract_room(seen, sound)
        if seen.keypoints is None:
            return None
        rig, pairs = self._pairs_of(sound, kernels)
        lifted = self.lift(seen.keypoints, kernels, rig)
        if lifted is None:
            return None
        smoothed = self.track(lifted, seen.frame.t_ns)
        camera = self.rig.camera
        room = None if camera.height_m is None else camera.to_room(smoothed.joints)
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
            skew_ms=None if sound is None else (sound.middle_ns - seen.frame.t_ns) / 1e6,
            latency_ms=(now_ns - seen.frame.t_ns) / 1e6,
            source=kind,
            activity=activity,
            pairs=pairs,
        )

    def _pairs_of(
        self, sound: PeriodResponses | None, kernels: Kernels | None
    ) -> tuple[Rig, PairsUsed]:
        """The rig with the pairs that these kernels are of, and what the pose says of them."""
        total = len(self.rig.pairs)
        if sound is None:
            now = self.health.usable
            why = "the loudspeaker is silent" if self.silent else "no good sound beside the image"
            return self.rig, PairsUsed(0, total, why if now.rig else now.why)
        rig, why = sound.usable.rig, sound.usable.why
        if rig is None:
            return self.rig, PairsUsed(0, total, why)
        if kernels is None:
            return self.rig, PairsUsed(0, total, "the empty room is not learned yet")
        return rig, PairsUsed(len(rig.pairs), total, why)

    def _subtract_room(self, seen: Seen, sound: PeriodResponses | None) -> Kernels | None:
        """Pose kernels of this frame; the empty room is learned after UNSEEN_S without anybody."""
        if self._relearn.is_set():
            self._relearn.clear()
            self.background.forget()
            self._last_person_ns = seen.frame.t_ns
        if seen.keypoints is not None or self._last_person_ns is None:
            self._last_person_ns = seen.frame.t_ns
        person = seen.frame.t_ns - self._last_person_ns < UNSEEN_S * 1e9
        if sound is None:
            return None
        if self.kernels is not None and sound.index == self.kernels[0].index:
            return self.kernels[1]
        gate = None
        if seen.keypoints is not None:
            gate = first_arrival_s(seen.keypoints, self.rig, self.config.lifter)
        difference = self.background.step(sound.responses, sound.middle_ns, person, gate)
        kernels = None
        if difference is not None and sound.usable.rig is not None:
            if sound.usable.rig is not self.rig:
                difference = difference[sound.usable.rows]
            kernels = make_kernels(difference, self.deconvolve.sample_rate_hz, self.band_hz)
        self.kernels = (sound, kernels)
        return kernels
