"""The sound's way at full size, background included: one period of a room in which somebody walks,
to envelopes on a grid.
"""

from typing import Any

import numpy as np

from edge.core.arrays import FloatArray
from edge.sound.pose_kernel import make_kernels
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.volume import Volume
from edge.tools.bench.measure import CallTimer
from edge.tools.bench.scene import BAND_HZ, make_scene

GROUP = "front end"
STAGES = ("deconvolution", "background", "envelope", "volume")
EMPTY = "background, room empty"
_PERIODS = 8
_WALLS_M = ((2.0, 0.0, 1.5), (-1.5, 0.3, 2.0), (0.5, -1.2, 3.0), (0.0, 0.0, 4.2), (0.0, 0.0, 20.0))
_SWING = 5e-4
_PERIOD_NS = 100_000_000


class FrontEnd:
    """All stages of one rig and grid, with a room that has been learned. voxels: (Z, Y, X)."""

    def __init__(
        self,
        voxels: tuple[int, int, int] = (48, 64, 64),
        microphones: int = 6,
        sample_rate_hz: int = 48_000,
        band_hz: tuple[float, float] = BAND_HZ,
    ) -> None:
        scene = make_scene(voxels, microphones, sample_rate_hz, band_hz)
        self._rig, self._excitation, self.fewer = scene.rig, scene.excitation, scene.fewer
        self.deconvolve = scene.deconvolve
        rate, band, window = (
            self.deconvolve.sample_rate_hz,
            self.deconvolve.band_hz,
            self.deconvolve.window_samples,
        )
        self._rate, self._band = rate, band
        self._background = Background(scene.rig, rate, band, window, period_s=_PERIOD_NS / 1e9)
        self.volume = Volume(scene.rig, scene.grid, rate, window)
        self._out = np.empty((self.volume.pairs, *scene.grid.shape), np.int8)
        rng = np.random.default_rng(0)
        self._empty = [self._heard(rng, None) for _ in range(FIRST_PERIODS)]
        # A step of 12 cm from period to period: somebody walks.
        self._walking = [self._heard(rng, 2.2 + 0.12 * k) for k in range(_PERIODS)]
        self._gate_s = np.asarray(scene.rig.arrival_s([0.3, 0.2, 2.2]) * 0.75)
        self._turn = 0
        for period in self._empty:
            self._background.step(self.deconvolve(period), self._now_ns(), False)
        for stretch in _SWING * np.sin(
            np.linspace(0.0, 2.0 * np.pi, 12)
        ):  # a sensor that has been there for a while
            self._background.remember(self.deconvolve(self._heard(rng, None, float(stretch))))

    def run(
        self, clock: CallTimer, names: tuple[str, str, str, str] = STAGES, *, person: bool = True
    ) -> Any:
        """One period through all stages: a `QuantizedVolume` (P, Z, Y, X)."""
        periods = self._walking if person else self._empty
        period = periods[self._turn % len(periods)]
        responses = clock.call(names[0], self.deconvolve, period)
        body = clock.call(
            names[1],
            self._background.step,
            responses,
            self._now_ns(),
            person,
            self._gate_s if person else None,
        )
        pooled = clock.call(
            names[2], lambda: self.volume.pool(make_kernels(body, self._rate, self._band).envelope)
        )
        return clock.call(names[3], self.volume.gather_int8, pooled, self._out)

    def learn_empty(self, clock: CallTimer) -> None:
        """The background's other work: a period with nobody in view."""
        responses = self.deconvolve(self._empty[self._turn % len(self._empty)])
        clock.call(EMPTY, self._background.step, responses, self._now_ns(), False)

    def _now_ns(self) -> int:
        self._turn += 1
        return self._turn * _PERIOD_NS

    def _heard(
        self, rng: np.random.Generator, body_m: float | None, stretch: float = 0.0
    ) -> FloatArray:
        """One period: direct sound, walls, noise, and a body at that distance. stretch: of the air
        that has warmed.
        """
        rig, x = self._rig, self._excitation
        paths = [(1.0, np.asarray(rig.direct_arrival_s))] + [
            (0.3, rig.arrival_s(list(wall))) for wall in _WALLS_M
        ]
        if body_m is not None:
            paths.append((0.05, rig.arrival_s([0.3, 0.2, body_m])))
        hz = np.arange(len(x.spectrum)) * x.sample_rate_hz / x.period_samples
        transfer = sum(
            gain * np.exp(-2j * np.pi * hz * (1.0 - stretch) * delay.reshape(-1, 1))
            for gain, delay in paths
        )
        heard = np.fft.irfft(x.spectrum * transfer, x.period_samples)
        heard += 1e-3 * np.abs(heard).max() * rng.standard_normal(heard.shape)
        return np.ascontiguousarray(heard, np.float32)
