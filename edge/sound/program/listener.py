"""Listens to the echo of what other programs play through the loudspeaker, period by period."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, ComplexArray, FloatArray
from edge.core.contracts import AudioPeriod
from edge.core.rig import Rig
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation, band_window
from edge.sound.program.own_sound import OwnSound
from edge.sound.program.solver import ProgramSolver

# Faults of periods that are recorded all the same without a gap.
CONTIGUOUS_FAULTS = ("", "no reference", "unsteady", "playback xrun", "muted")
# Program sound on the reference channel is louder than the noise of a poor one, dB full scale; and
# relative to our own sound, 5 dB above what is left of the room where the echo of a body is clear.
LOUD_DBFS, LOUD_BESIDE_DB = -65.0, -35.0
# An answer is from so much sound, none of which is in the next: their noise has nothing in common.
PROGRAM_S = 1.0
# A stretch that tells less of a body than this is not worth solving; pauses have 0.
WORTH = 0.15


@dataclass(frozen=True, eq=False)
class HeardProgram:
    """Responses (P, T) complex64 with the room in them, their noise and sigma (P, T) float32, as of
    `ProgramResponse`, and CLOCK_MONOTONIC of the middle of the sound that they are from.
    """

    responses: ComplexArray
    noise: FloatArray
    sigma: FloatArray
    middle_ns: int
    share: float


class ProgramListener:
    """Call it with every period, in order. One thread at a time.

    sounding: in the newest period another program sounded; no response of that period alone is to
    be learned or used.
    """

    def __init__(
        self,
        excitation: Excitation,
        rig: Rig,
        deconvolve: Deconvolver,
        correction: Correction | None = None,
        *,
        seconds: float = PROGRAM_S,
    ) -> None:
        """seconds: of sound that an answer is from, at most. Raises ConfigError for several
        loudspeakers.
        """
        self._solve = ProgramSolver(excitation, rig, deconvolve, correction, seconds=seconds)
        self._own = OwnSound(excitation)
        self._rate_hz, self._band_hz = excitation.sample_rate_hz, excitation.band_hz
        n = self._solve.samples
        self._samples = np.zeros((len(rig.mics), n), np.float32)
        self._reference = np.zeros(n, np.float32)
        self._held = 0  # of the newest samples, how many are contiguous
        self._end_frame: int | None = None
        self._next_index: int | None = None
        self._end_ns = 0
        self._new = 0  # samples with program sound since the last answer
        self.sounding = False

    def forget(self) -> None:
        """The next period does not follow the last."""
        self._held = self._new = 0
        self._end_frame = self._next_index = None
        self.sounding = False

    def __call__(
        self, period: AudioPeriod, room: ComplexArray | None, noise: Array | None = None
    ) -> HeardProgram | None:
        """What program sound tells by now, once a second; None while there is none, or too
        little: nothing is made up in a pause.

        room: (P, T) the empty room as it must sound now, None while it is not known. noise: power
        |rfft|^2 of a silent period (M, N // 2 + 1), None where it is not known.
        """
        level_db, beside_db = self._own.program_db(period)
        self.sounding = level_db > LOUD_DBFS and beside_db > LOUD_BESIDE_DB
        if period.reference is None or not self._keep(period):
            return None
        if self.sounding:
            self._new += len(period.reference)
        if room is None or self._held < len(self._reference):
            return None
        if self._new < PROGRAM_S * self._rate_hz:
            return None
        self._new = 0
        if noise is not None and self._expected_share(noise, room) < WORTH:
            return None
        found = self._solve(self._samples, self._reference, room)
        if found is None or found.share < WORTH:
            return None
        start_ns = self._end_ns - len(self._reference) * 1_000_000_000 // self._rate_hz
        middle_ns = start_ns + round(1e9 * found.middle_s)
        return HeardProgram(found.responses, found.noise, found.sigma, middle_ns, found.share)

    def _expected_share(self, noise: Array, room: ComplexArray) -> float:
        samples = 2 * (noise.shape[1] - 1)
        window = band_window(np.fft.rfftfreq(samples, 1.0 / self._rate_hz), self._band_hz)
        density = float(np.average(noise.mean(axis=0), weights=window)) / samples
        return self._solve.expected_share(self._reference, room, density)

    def _keep(self, period: AudioPeriod) -> bool:
        """Append the period; False where it cannot be used at all."""
        reference, frame = period.reference, period.frame
        if period.fault not in CONTIGUOUS_FAULTS or reference is None:
            self._held = self._new = 0
            self._end_frame = self._next_index = None
            return False
        n = len(reference)
        follows = period.index == self._next_index if frame is None else frame == self._end_frame
        if not follows:
            self._held = self._new = 0
        take = min(n, len(self._reference))
        for buffer, new in ((self._reference, reference), (self._samples, period.samples)):
            buffer[..., : len(self._reference) - take] = buffer[..., take:].copy()
            buffer[..., len(self._reference) - take :] = new[..., n - take :]
        self._held = min(self._held + n, len(self._reference))
        self._end_frame = None if frame is None else frame + n
        self._next_index = period.index + 1
        self._end_ns = period.t_ns + n * 1_000_000_000 // self._rate_hz
        return True
