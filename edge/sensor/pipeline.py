"""One frame's way from sound and image to poses; `Pipeline.fuse` is the whole program."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.behaviour.heads_down import HeadsDown
from edge.behaviour.people import People
from edge.behaviour.tracks import Tracks
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame, Problem, SourceKind
from edge.core.inference.execution import execution
from edge.core.pose import MID_HIP, FrameEstimate, Keypoints, LiftedPose, PairsUsed, PersonEstimate
from edge.core.rig import Rig
from edge.lifting.lifter import MODELS, make_lifter
from edge.sensor.empty_room import EmptyRoom, PeriodResponses
from edge.sensor.sound_health import NOT_HEARD, SoundHealth
from edge.sight.people import PeopleFinder
from edge.sight.visibility import COVERED, TOO_DARK, Visibility
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation
from edge.sound.expected_echo import echo_over_noise_db
from edge.sound.pose_kernel import Kernels

log = logging.getLogger(__name__)

SETTLE_S = 1.0  # after a pause the loudspeaker needs this long until its sound is steady


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame and everybody found in it, the most prominent first. dark: it can show nobody.
    blank: there is nothing in it at all.
    """

    frame: Frame
    people: list[Keypoints]
    dark: bool = False
    blank: bool = False


@dataclass(slots=True)
class Counters:
    """Totals since the start. frames_dropped: were looked at, but a newer frame came first. poses:
    of people, so that two in one frame are two. estimates: frames with at least one pose.
    """

    frames: int = 0
    frames_dropped: int = 0
    estimates: int = 0
    poses: int = 0
    poses_from_sound: int = 0
    periods: int = 0
    periods_faulty: int = 0


class Pipeline:
    """The stages and what they remember. `edge.sensor.loops` feeds it from a source.

    Make it and run `warm_up` before the source is opened, or the first seconds are lost to
    compiling. blind: why the newest image can show nobody, None where it can. Raises ConfigError
    for a saved room of another rig, ModelError for a network.
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
        self.room = EmptyRoom(config.background, config.lifter, rig, excitation, self.deconvolve)
        self.execution = execution(config)
        self.find_people = PeopleFinder(
            MODELS, self.execution.keypoints_threads, self.execution.runtime
        )
        self.visibility = Visibility()
        self.lift = make_lifter(config.lifter, self.execution)
        self.associate = Tracks(rig.camera)
        self.people = People(rig.camera, config.track, config.zones)
        self.heads_down = HeadsDown(rig.camera)
        # Set from other threads: the loudspeaker is off on purpose, so a missing excitation is no
        # fault.
        self.silent = False
        self.seen_ns: int | None = None  # CLOCK_MONOTONIC when somebody was last seen
        self.blind: str | None = None
        self._silent_ns: int | None = None  # of the newest period while silent
        self._fault = ""
        self._image_ns = 0

    def image_s(self) -> float:
        """Time of the newest image [s]: the clock of a session that is read faster than it ran."""
        return self._image_ns * 1e-9

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with microphones and camera now."""
        camera = self.heads_down.problem
        return self.health.problems + (() if camera is None else (camera,))

    def resume(self) -> None:
        """Call between two sources: drops what refers to the last one's period numbers."""
        self.seen_ns, self._fault = None, ""
        self.room.resume()
        self.health.forget()
        self.heads_down.forget()
        self.associate.forget()

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

    def see(self, frame: Frame, kind: SourceKind = "device") -> Seen:
        """Everybody's 2D joints in one frame. kind: of the source."""
        self.counters.frames += 1
        self._image_ns = frame.t_ns
        people = self.find_people(frame.image)
        why = self.visibility(frame.image)
        if people:
            self.seen_ns, why = time.monotonic_ns(), None
        seen = Seen(frame, people, dark=why == TOO_DARK, blank=why == COVERED)
        if seen.blank and kind == "simulated":
            why = None  # blank images stand for an empty room there; else the lens is covered
        if why != self.blind:
            log.info("camera: %s", why or "people can be seen again")
            self.blind = why
        before = self.heads_down.problem
        problem = self.heads_down(people, frame.t_ns)
        if problem is not before:
            level = logging.INFO if problem is None else logging.WARNING
            log.log(level, "camera: %s", problem.remedy if problem else "people stand upright")
        return seen

    def fuse(
        self, seen: Seen, sound: PeriodResponses | None, kind: SourceKind
    ) -> FrameEstimate | None:
        """One frame and its period of sound -> everybody's pose in metres, or None when nobody is
        seen.
        """
        t_ns = seen.frame.t_ns
        tracks = self.associate(seen.people, t_ns)
        sights = list(zip(tracks, seen.people, strict=True))
        is_new = sound is not None and not self.room.is_newest(sound)
        hidden = [t for t in self.associate.tracks if t.confirmed and t not in tracks]
        if seen.blank:  # a session that begins again: those of its end are not there
            hidden = []
        kernels = self.room.subtract(sights, hidden, sound, t_ns, seen.dark)
        rig, pairs = self._pairs_of(sound, kernels)
        posed = self.people.choose(sights, self.config.people.max)
        lifted = self.lift([keypoints for _, keypoints in posed], kernels, rig)
        echo_db = self._expected_echoes(lifted, sound if is_new else None, kernels, rig)
        people = self.people(posed, lifted, self.associate.tracks, echo_db, t_ns)
        more = sum(track.confirmed for track in tracks) - len(people)
        return self._estimate(seen.frame, people, more, sound, pairs, kind) if people else None

    def _expected_echoes(
        self,
        lifted: Sequence[LiftedPose | None],
        sound: PeriodResponses | None,
        kernels: Kernels | None,
        rig: Rig,
    ) -> list[float]:
        """Of each pose, see `People`. sound: a new period of it."""
        if sound is None or kernels is None:
            return [float("nan")] * len(lifted)
        middles = [np.zeros(3) if p is None else p.joints[MID_HIP] for p in lifted]
        responses = sound.responses[sound.usable.rows]
        return echo_over_noise_db(middles, responses, kernels, rig).tolist() if middles else []

    def _estimate(
        self,
        frame: Frame,
        people: list[PersonEstimate],
        more: int,
        sound: PeriodResponses | None,
        pairs: PairsUsed,
        kind: SourceKind,
    ) -> FrameEstimate:
        self.counters.estimates += 1
        self.counters.poses += len(people)
        self.counters.poses_from_sound += sum(p.pose.scale_source == "sound" for p in people)
        now_ns = time.monotonic_ns()
        return FrameEstimate(
            sequence=self.counters.estimates,
            frame=frame.index,
            t_ns=frame.t_ns,
            utc_ns=time.time_ns() - (now_ns - frame.t_ns),
            people=tuple(sorted(people, key=lambda p: p.id)),
            more=more,
            skew_ms=None if sound is None else (sound.middle_ns - frame.t_ns) / 1e6,
            latency_ms=(now_ns - frame.t_ns) / 1e6,
            source=kind,
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
