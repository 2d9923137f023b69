"""An empty room whose air warms or cools."""

import numpy as np
import scipy.fft

from edge.core.arrays import Array, ComplexArray
from edge.sound.room.drift.warp import Warp, warped
from export.acoustics.directivity import Directivity
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import empty_response
from export.acoustics.shoebox import Room
from export.acoustics.surface import Float32Array

GUARD_SAMPLES = 256


class DriftingRoom:
    """The empty room's response as its air warms: the paths keep their length, so it stretches."""

    def __init__(
        self,
        room: Room,
        speakers: Array,
        mics: Array,
        grid: PeriodGrid,
        speed_of_sound_m_s: float,
        longest_decay_s: float,
        directivity: Directivity | None = None,
    ) -> None:
        """speakers (S, 3), mics (M, 3): camera frame [m]. longest_decay_s: what is kept."""
        self._speed_m_s, self._n = speed_of_sound_m_s, grid.period_samples
        decay = min(room.reverberation_s, longest_decay_s)
        self._periods = int(np.ceil(decay * grid.sample_rate_hz / self._n)) + 1
        length = self._periods * self._n
        unwrapped = PeriodGrid(grid.sample_rate_hz, length, grid.band_hz)
        spectra = empty_response(
            room, speakers, mics, unwrapped, speed_of_sound_m_s, decay, directivity
        )
        self._shape = spectra.shape[:2]
        one_sided = np.zeros((len(speakers) * len(mics), length), np.complex64)
        one_sided[:, : spectra.shape[2]] = 2.0 * spectra.reshape(len(one_sided), -1)
        # Band-limited pulses begin before their arrival: keep the beginning of the direct sound
        # from wrapping to the end.
        self._analytic = np.roll(
            scipy.fft.ifft(one_sided).astype(np.complex64), GUARD_SAMPLES, axis=1
        )

    def response(self, speed_of_sound_m_s: float) -> Float32Array:
        """Responses (S, M, L) at this speed of sound [m/s], as long as the room sounds on; their
        sample GUARD_SAMPLES is that of emission.
        """
        count = len(self._analytic)
        stretch = speed_of_sound_m_s / self._speed_m_s - 1.0
        warp = Warp(np.ones(count), np.full(count, -stretch * GUARD_SAMPLES), stretch)
        response = np.nan_to_num(warped(self._analytic, warp)).real
        return np.asarray(response.reshape(*self._shape, -1), np.float32)

    def at(self, speed_of_sound_m_s: float) -> ComplexArray:
        """Spectra (S, M, N // 2 + 1) of the periodic steady state at this speed of sound [m/s]."""
        response = np.roll(self.response(speed_of_sound_m_s), -GUARD_SAMPLES, axis=-1)
        wrapped = response.reshape(*self._shape, self._periods, self._n).sum(axis=2)
        return np.asarray(scipy.fft.rfft(wrapped), np.complex64)
