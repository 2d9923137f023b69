"""One frame's way from sound and image to poses; `Pipeline.fuse` is the whole program."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.behaviour.mounting.camera_checks import CameraChecks
from edge.behaviour.people import People, Sight
from edge.behaviour.presence import Echo, load_evidence
from edge.behaviour.tracks import Tracks
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame, Problem, SourceKind
from edge.core.inference.execution import execution
from edge.core.pose import MID_HIP, FrameEstimate, Keypoints, LiftedPose, PairsUsed, PersonEstimate
from edge.core.rig import Rig
from edge.lifting.lifter import MODELS, make_lifter
from edge.sensor.empty_room import EmptyRoom, PeriodResponses, Sights
from edge.sensor.hearing import Counters, Hearing
from edge.sensor.posing.listening import Attention, Listening
from edge.sensor.posing.poser import Poser
from edge.sensor.posing.shares import everybody
from edge.sight.people import PeopleFinder
from edge.sight.visibility import COVERED, TOO_DARK, Visibility
from edge.sound.deconvolution import Correction
from edge.sound.excitation import Excitation
from edge.sound.expected_echo import echo_over_noise_db
from edge.sound.pose_kernel import Kernels

log = logging.getLogger(__name__)

SIZE_EVERY_S = 1.0  # somebody's size is learned so often from one period of uninterrupted sound


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame and everybody found in it, the most prominent first. dark: it can show nobody.
    blank: there is nothing in it at all.
    """

    frame: Frame
    people: list[Keypoints]
    dark: bool = False
    blank: bool = False


class Pipeline:
    """The stages and what they remember. `edge.sensor.loops` feeds it from a source.

    Make it and run `warm_up` before the source opens, or compiling takes its first seconds. blind:
    why the newest image can show nobody, None where it can. gone: numbers of those who walked out
    of it. Raises ConfigError for a saved room of another rig, ModelError for a network.
    """

    def __init__(
        self, config: Config, rig: Rig, excitation: Excitation, correction: Correction | None = None
    ) -> None:
        self.config, self.rig = config, rig
        self.counters = Counters()
        self.band_hz = excitation.band_hz
        self.hearing = Hearing(config, rig, excitation, correction, self.counters)
        self.period_ns, self.health = self.hearing.period_ns, self.hearing.health
        self.deconvolve, self.sound_use = self.hearing.deconvolve, self.hearing.sound_use
        self.listening = Listening()
        self.attention = Attention(0)  # read by other threads
        self._sized_ns = 0
        self.room = EmptyRoom(config.background, config.lifter, rig, excitation, self.deconvolve)
        self.execution = execution(config)
        self.find_people = PeopleFinder(
            MODELS, self.execution.keypoints_threads, self.execution.runtime
        )
        self.visibility = Visibility()
        self.associate = Tracks(rig.camera)
        evidence = load_evidence(config.lifter.kind)
        self.people = People(rig.camera, config.track, config.zones, evidence)
        self.camera_checks = CameraChecks(rig.camera)
        lift = make_lifter(config.lifter, self.execution)
        self.pose = Poser(lift, config.lifter, rig, self.people, self.camera_checks)
        self.seen_ns: int | None = None  # CLOCK_MONOTONIC when somebody was last seen
        self.blind: str | None = None
        self.gone: frozenset[int] = frozenset()
        self._image_ns = 0

    def image_s(self) -> float:
        """Time of the newest image [s]: the clock of a session that is read faster than it ran."""
        return self._image_ns * 1e-9

    @property
    def silent(self) -> bool:
        """The loudspeaker is off on purpose, so a missing excitation is no fault. Any thread may
        set it.
        """
        return self.hearing.silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        self.hearing.silent = silent

    @property
    def in_bursts(self) -> bool:
        """The loudspeaker sounds now and then, and not without a pause."""
        return self.hearing.in_bursts

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with microphones and camera now."""
        return self.health.problems + self.camera_checks.problems

    def resume(self) -> None:
        """Call between two sources: drops what refers to the last one's period numbers."""
        self.seen_ns, self.attention = None, Attention(0)
        self._sized_ns = 0
        self.pose.forget()
        self.hearing.forget()
        self.room.resume()
        self.listening.forget()
        self.camera_checks.forget()
        self.associate.forget()
        self.gone = frozenset()

    def hear(self, period: AudioPeriod) -> PeriodResponses | None:
        """Impulse responses of one period or burst, or None for one that must not be used."""
        return self.hearing(period, self.room.expected)

    def see(self, frame: Frame, kind: SourceKind = "device") -> Seen:
        """Everybody's 2D joints in one frame. kind: of the source."""
        self.counters.frames += 1
        self._image_ns = frame.t_ns
        people = self.find_people(frame.image, frame.t_ns)
        why = None if people else self.visibility(frame.image)
        if people:
            self.seen_ns = time.monotonic_ns()
        seen = Seen(frame, people, dark=why == TOO_DARK, blank=why == COVERED)
        if seen.blank and kind == "simulated":
            why = None  # blank images stand for an empty room there; else the lens is covered
        if why != self.blind:
            log.info("camera: %s", why or "people can be seen again")
            self.blind = why
        self.camera_checks.see(people, frame.t_ns)
        return seen

    def fuse(
        self, seen: Seen, sound: PeriodResponses | None, kind: SourceKind
    ) -> FrameEstimate | None:
        """One frame and its period of sound -> everybody's pose in metres, or None when nobody is
        seen.
        """
        t_ns = seen.frame.t_ns
        now = self._moment(seen)
        self.room.look(now)
        self.listening.look(now)
        kernels, is_new, then = None, False, now
        if sound is not None:
            is_new = not self.room.is_newest(sound)
            then = self.listening.moment(sound.middle_ns) if sound.burst else now
            sound, kernels = self.room.subtract(sound, then)
            if sound.burst and is_new and kernels is not None and sound.usable.rig is not None:
                lasted_s = sound.burst * self.period_ns * 1e-9
                own = sound.program_noise is None
                doubt = None if own else self.room.background.doubt
                self.listening.hear(
                    kernels, sound.usable.rig, sound.middle_ns, lasted_s=lasted_s, doubt=doubt
                )
        posed = self.people.choose(now.sights, self.config.people.max)
        lifted, pairs = self._lift(posed, sound, kernels, t_ns)
        echoes: Sequence[Echo | None] = [None] * len(posed)
        if posed and sound is not None and kernels is not None and is_new:
            echoes = self._hear_people(posed, lifted, then, sound, kernels)
        self.pose.see(posed, t_ns)
        # While the loudspeaker must be silent, or the room is not known, no burst will come.
        awaited = self.in_bursts and not self.silent and self.room.learned
        tracks = self.associate.tracks
        people = self.people(posed, lifted, tracks, echoes, t_ns, in_bursts=awaited)
        self.attention = self.listening.attention(posed, self.people, t_ns)
        more = sum(track.confirmed for track, _ in now.sights) - len(people)
        self.gone = self.associate.gone
        hidden = self.people.still_there(t for t in now.hidden if t.id not in self.gone)
        return self._estimate(seen.frame, people, more, hidden, pairs, kind) if people else None

    def _moment(self, seen: Seen) -> Sights:
        tracks = self.associate(seen.people, seen.frame.t_ns)
        hidden = [t for t in self.associate.tracks if t.confirmed and t not in tracks]
        if seen.blank:  # a session that begins again: those of its end are not there
            hidden = []
        sights = list(zip(tracks, seen.people, strict=True))
        return Sights(seen.frame.t_ns, sights, hidden, seen.dark)

    def _lift(
        self,
        posed: Sequence[Sight],
        sound: PeriodResponses | None,
        kernels: Kernels | None,
        t_ns: int,
    ) -> tuple[list[LiftedPose | None], PairsUsed]:
        """Everybody's pose, and what was used for it. While the sound goes on all share one period;
        of bursts each gets what fits them.
        """
        shares = everybody(posed, kernels, None if sound is None else sound.usable.rig)
        if self.in_bursts:
            shares = self.listening.shares(posed, t_ns, self.config.runtime.max_skew_ms * 1e6)
        rig = next((s.rig for s in shares if s.kernels is not None), None)
        return self.pose(posed, shares), self._pairs_of(sound, kernels, rig)

    def _hear_people(
        self,
        posed: Sequence[Sight],
        lifted: Sequence[LiftedPose | None],
        then: Sights,
        sound: PeriodResponses,
        kernels: Kernels,
    ) -> list[Echo | None]:
        """What a new period tells of those who are posed, where they were then."""
        rig = sound.usable.rig
        assert rig is not None
        evidence = list(lifted)
        if sound.burst or sound.middle_ns - self._sized_ns >= SIZE_EVERY_S * 1e9:
            self._sized_ns = sound.middle_ns
            sights = dict(then.sights)
            there = [(track, sights[track]) for track, _ in posed if track in sights]
            shares = everybody(there, kernels, rig)
            if sound.burst:
                shares = self.listening.shares(there, sound.middle_ns, np.inf)
            poses = self.pose.hear(there, shares)
            found = {track: pose for (track, _), pose in zip(there, poses, strict=True)}
            evidence = [found.get(track) for track, _ in posed]
            if sound.burst:
                self.people.hear(posed, evidence, lifted, sound.middle_ns)
        places = [np.zeros(3) if p is None else p.joints[MID_HIP] for p in evidence]
        over_db = echo_over_noise_db(places, sound.responses[sound.usable.rows], kernels, rig)
        return [
            None if p is None else Echo(float(db), p.sound_confidence, max(sound.burst, 1))
            for p, db in zip(evidence, over_db, strict=True)
        ]

    def _estimate(
        self,
        frame: Frame,
        people: list[PersonEstimate],
        more: int,
        hidden: int,
        pairs: PairsUsed,
        kind: SourceKind,
    ) -> FrameEstimate:
        self.counters.estimates += 1
        self.counters.poses += len(people)
        self.counters.poses_from_sound += sum(p.pose.scale_source == "sound" for p in people)
        now_ns = time.monotonic_ns()
        newest = self.room.newest if pairs.used else None
        return FrameEstimate(
            sequence=self.counters.estimates,
            frame=frame.index,
            t_ns=frame.t_ns,
            utc_ns=time.time_ns() - (now_ns - frame.t_ns),
            people=tuple(sorted(people, key=lambda p: p.id)),
            more=more,
            skew_ms=None if newest is None else (newest[0].middle_ns - frame.t_ns) / 1e6,
            latency_ms=(now_ns - frame.t_ns) / 1e6,
            source=kind,
            pairs=pairs,
            hidden=hidden,
        )

    def _pairs_of(
        self, sound: PeriodResponses | None, kernels: Kernels | None, rig: Rig | None
    ) -> PairsUsed:
        """What the poses say of the pairs that they were made from. rig: with these, None where no
        sound was used.
        """
        total = len(self.rig.pairs)
        usable = self.health.usable if sound is None else sound.usable
        if usable.rig is None:
            return PairsUsed(0, total, usable.why)
        if rig is not None and (kernels is not None or self.in_bursts):
            return PairsUsed(len(rig.pairs), total, usable.why)
        if sound is not None and kernels is None:
            return PairsUsed(0, total, "the empty room is not learned yet")
        if self.silent:
            return PairsUsed(0, total, "the loudspeaker is silent")
        if self.in_bursts:
            return PairsUsed(0, total, "nobody was where a burst has heard them")
        return PairsUsed(0, total, "no good sound beside the image")
