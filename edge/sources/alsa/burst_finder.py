"""Where a burst lies in the recording."""

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.rig import Rig
from edge.sound.burst import make_burst
from edge.sound.excitation import Excitation
from edge.sources.alsa.alignment import Aligner
from edge.sources.alsa.playlist import UNSURE_S, Burst, Playlist
from edge.sources.alsa.ring import CaptureRing


class BurstFinder:
    """One burst tells where the next ones are to be expected, by a quarter of a period: enough for
    20 ppm between the clocks over 20 minutes of silence. After a break of playback or recording the
    times of the buffers tell it, by UNSURE_S.
    """

    def __init__(
        self, excitation: Excitation, rig: Rig | None, playlist: Playlist, ring: CaptureRing
    ) -> None:
        """rig: see `Aligner`."""
        self._excitation, self._rig, self._playlist, self._ring = excitation, rig, playlist, ring
        self._n = excitation.period_samples
        self._sure, self._unsure = self._n // 4, round(UNSURE_S * excitation.sample_rate_hz)
        self._aligners: dict[tuple[int, int], Aligner] = {}
        self._origin: int | None = None  # frame of the recording at which playback frame 0 is heard
        self._run = 0

    def forget(self) -> None:
        """Frames of the recording are missing."""
        self._origin = self._playlist.located = None

    def expected(self, burst: Burst) -> tuple[int, int]:
        """The frame of the recording at which a burst begins, give or take so many."""
        if self._origin is not None and burst.run == self._run:
            return self._origin + burst.position, self._sure
        return self._ring.frame_at(burst.sounds_ns), self._unsure

    def find(self, burst: Burst, first: int, signals: FloatArray) -> float | None:
        """The frame at which a burst begins, None where it is not found.

        signals: (M, n) from frame `first` on, or (1, n) for the reference, which end where a burst
        ends that begins as late as it can; at most a period before it may begin.
        """
        frame, margin = self.expected(burst)
        searched = (burst.periods + 2) * self._n + 2 * margin
        key = burst.periods, searched
        if key not in self._aligners:
            excitation = make_burst(self._excitation, burst.periods)
            self._aligners[key] = Aligner(excitation, self._rig, searched)
        padded = np.zeros((len(signals), searched), np.float32)
        padded[:, : signals.shape[1]] = signals
        found = self._aligners[key].find(padded)
        if found is None or abs(first + found.lag - frame) > margin + 1:
            self.forget()
            return None
        start = first + found.lag
        self._origin, self._run = round(start) - burst.position, burst.run
        self._playlist.located = burst.run
        return start
