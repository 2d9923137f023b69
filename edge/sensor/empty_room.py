"""The empty room as the sensor keeps it: when it is learned, and what each period leaves of it."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.behaviour.people import Sight
from edge.behaviour.track import Track
from edge.core.arrays import ComplexArray, FloatArray
from edge.core.config import BackgroundConfig, LifterConfig
from edge.core.errors import DamagedRoomError, OtherSignalError
from edge.core.rig import Rig
from edge.lifting.geometric_lifter import first_arrival_s
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import Excitation
from edge.sound.health.usable_pairs import UsablePairs
from edge.sound.pose_kernel import Kernels, make_kernels
from edge.sound.room.background import Background
from edge.sound.room.occupant import Occupant

log = logging.getLogger(__name__)

# A network misses a person now and then: only after so long without a sight does the room count as
# empty.
UNSEEN_S = 1.0
# Who is hidden now may have come nearer since they were seen.
NEARER = 0.65


@dataclass(frozen=True, slots=True)
class PeriodResponses:
    """Responses (P, T) of one good period or burst, the CLOCK_MONOTONIC of its middle, and from
    which of the pairs a pose may be made. sigma: (P, T), as of `Kernels`. burst: periods that it
    lasted, 0 for a plain period. program_noise: (P, T) 1-sigma of what noise alone leaves in those
    of another program's sound, None for our own.
    """

    index: int
    middle_ns: int
    responses: ComplexArray
    usable: UsablePairs
    sigma: FloatArray | None = None
    burst: int = 0
    program_noise: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Sights:
    """One image: its time, who was seen in it, and who was hidden. dark: it can show nobody, so
    that somebody may be there.
    """

    t_ns: int
    sights: Sequence[Sight]
    hidden: Sequence[Track]
    dark: bool = False


class EmptyRoom:
    """Takes the room out of each period of sound that goes with an image.

    damaged: what is wrong with the saved room, "" for nothing; the room is then learned anew.
    newest: the newest period that was paired with an image, and its kernels; read only. Raises
    ConfigError for a room of another rig.
    """

    def __init__(
        self,
        config: BackgroundConfig,
        lifter: LifterConfig,
        rig: Rig,
        excitation: Excitation,
        deconvolve: Deconvolver,
    ) -> None:
        self._lifter, self._rig = lifter, rig
        self._band_hz, self._rate_hz = excitation.band_hz, deconvolve.sample_rate_hz
        self._window_samples = deconvolve.window_samples
        self._period_s = excitation.period_samples / excitation.sample_rate_hz
        self.background = self.new_background(config.adapt_s, config.leak_s, config.track_drift)
        self.damaged = self._load(config.snapshot)
        self.newest: tuple[PeriodResponses, Kernels | None] | None = None
        self._relearn = threading.Event()
        self._last_person_ns: int | None = None
        self._somebody = True
        self._reduced: tuple[bytes, UsablePairs] | None = None  # of which pairs

    def new_background(self, adapt_s: float, leak_s: float, track_drift: bool) -> Background:
        """A model of the empty room for this rig and excitation that has learned nothing yet."""
        return Background(
            self._rig,
            self._rate_hz,
            self._band_hz,
            self._window_samples,
            period_s=self._period_s,
            adapt_s=adapt_s,
            leak_s=leak_s,
            track_drift=track_drift,
        )

    def _load(self, snapshot: str) -> str:
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

    def relearn(self) -> None:
        """Forget the empty room; it is learned anew as soon as nobody is in view. Thread-safe."""
        self._relearn.set()

    @property
    def learned(self) -> bool:
        """The empty room is known, and nobody has asked to forget it."""
        return self.background.ready and not self._relearn.is_set()

    @property
    def expected(self) -> ComplexArray | None:
        """The empty room (P, T) as it must sound now, None while it is not known."""
        return self.background.expected if self.learned else None

    def newest_kernels(self) -> tuple[int, Kernels] | None:
        """The newest pose kernels and CLOCK_MONOTONIC of their period's middle [ns], or None."""
        newest = self.newest  # read once: another thread replaces it
        if newest is None or newest[1] is None:
            return None
        return newest[0].middle_ns, newest[1]

    def resume(self) -> None:
        """Call between two sources: drops what refers to the last one's period numbers."""
        self.newest = self._last_person_ns = None
        self._somebody = True

    def is_newest(self, sound: PeriodResponses) -> bool:
        """Whether the room was taken out of this period already."""
        return self.newest is not None and sound.index == self.newest[0].index

    def look(self, now: Sights) -> None:
        """The newest image: whether somebody is there, so that the room is not empty."""
        if self._relearn.is_set():
            self._relearn.clear()
            self.background.forget()
            self._last_person_ns = now.t_ns
        if now.sights or now.dark or self._last_person_ns is None:
            self._last_person_ns = now.t_ns
        self._somebody = bool(now.hidden) or now.t_ns - self._last_person_ns < UNSEEN_S * 1e9

    def subtract(
        self, sound: PeriodResponses, then: Sights
    ) -> tuple[PeriodResponses, Kernels | None]:
        """A period, with the pairs of which the room is known, and its pose kernels: None without a
        room, and where no pair is left. then: the image nearest to it; call `look` before.

        The empty room is learned after UNSEEN_S in which nobody was in view or hidden.
        """
        if self.newest is not None and self.is_newest(sound):
            return self.newest
        people: list[Occupant] | None = None if self._somebody else []
        if then.sights:
            people = self._occupants(then.sights, then.hidden)
        program = sound.program_noise is not None
        difference = self.background.step(
            sound.responses,
            sound.middle_ns,
            people,
            burst=sound.burst > 0,
            noise=None if sound.burst == 0 else sound.program_noise if program else sound.sigma,
            program=program,
        )
        sound = self._with_known_pairs(sound)
        kernels = None
        if difference is not None and sound.usable.rig is not None:
            sigma = sound.sigma
            if sound.usable.rig is not self._rig:
                rows = sound.usable.rows
                difference, sigma = difference[rows], None if sigma is None else sigma[rows]
            kernels = make_kernels(difference, self._rate_hz, self._band_hz, sigma)
        self.newest = (sound, kernels)
        return self.newest

    def _with_known_pairs(self, sound: PeriodResponses) -> PeriodResponses:
        """Without the pairs of which the room was not learned together with the others'."""
        rows = sound.usable.rows
        known = rows[self.background.known[rows]]
        if len(known) == len(rows):
            return sound
        key = known.tobytes()
        if self._reduced is None or self._reduced[0] != key:
            rig = replace(self._rig, pairs=self._rig.pairs[known]) if len(known) else None
            late = sorted({int(m) for m in self._rig.pairs[np.setdiff1d(rows, known), 1]})
            mics = ", ".join(str(m) for m in late)
            mics = f"microphones {mics}" if len(late) > 1 else f"microphone {mics}"
            why = f"the empty room of {mics} is not learned yet"
            why = "; ".join(w for w in (sound.usable.why, why) if w)
            self._reduced = key, UsablePairs(known, rig, why)
        return replace(sound, usable=self._reduced[1])

    def _occupants(self, sights: Sequence[Sight], hidden: Sequence[Track]) -> list[Occupant]:
        people = []
        for track, keypoints in sights:
            first = first_arrival_s(keypoints, self._rig, self._lifter)
            people.append(Occupant(first, track.moved_m))
        for track in hidden:
            known = track.joints[np.isfinite(track.joints).all(axis=1)]
            soonest = NEARER * self._rig.arrival_s(known).min(axis=1) if len(known) else None
            people.append(Occupant(soonest))
        return people
