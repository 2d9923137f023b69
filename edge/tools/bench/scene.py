"""One period of sound before one grid, which the front end and its peers are given, and what ours
makes of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import Excitation, make_excitation
from edge.sound.pose_kernel import make_kernels
from edge.sound.volume import Grid, QuantizedVolume, Volume

BAND_HZ = (2_000.0, 7_500.0)
WINDOW_S = 0.04

# One implementation: three functions, each fed with what the one before gave.
Stages = tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]


@dataclass(frozen=True, eq=False)
class Scene:
    """What every implementation is given. recording: (M, N) float32, one period.

    deconvolve: ours. fewer: the recording's sample rate over that of our responses; the faster
    peers may leave out as much.
    """

    excitation: Excitation
    rig: Rig
    grid: Grid
    window_samples: int
    recording: FloatArray
    deconvolve: Deconvolver
    fewer: int


def make_scene(
    voxels: tuple[int, int, int],
    microphones: int = 6,
    sample_rate_hz: int = 48_000,
    band_hz: tuple[float, float] = BAND_HZ,
) -> Scene:
    """A ring of microphones of 46.3 mm radius, the speaker 10 cm below; one echo per microphone in
    noise. voxels: (Z, Y, X).
    """
    angle = 2.0 * np.pi / microphones * np.arange(microphones)
    rig = Rig(
        speakers=np.array([[0.0, 0.1, 0.0]]),
        mics=0.0463 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1),
        pairs=np.array([[0, m] for m in range(microphones)]),
        camera=Camera(640, 480, 520.0, 520.0, 320.0, 240.0),
        speed_of_sound_m_s=speed_of_sound(20.0),
    )
    excitation = make_excitation(sample_rate_hz, band_hz, 0.1, -12.0)
    z, y, x = (0.05 * n for n in voxels)
    grid = Grid((-x / 2, x / 2), (-y / 2, y / 2), (1.0, 1.0 + z), 0.05)
    echo = np.exp(
        -2j
        * np.pi
        * np.arange(len(excitation.spectrum))
        / 0.1
        * rig.arrival_s([0.3, 0.2, 2.4])[:, None]
    )
    recording = np.fft.irfft(excitation.spectrum * echo, excitation.period_samples)
    recording += 0.01 * np.random.default_rng(0).standard_normal(recording.shape)
    deconvolve = Deconvolver(excitation, rig, WINDOW_S)
    fewer = round(sample_rate_hz / deconvolve.sample_rate_hz)
    return Scene(
        excitation,
        rig,
        grid,
        round(WINDOW_S * sample_rate_hz),
        recording.astype(np.float32),
        deconvolve,
        fewer,
    )


def our_stages(scene: Scene) -> Stages:
    """The sensor's deconvolution and envelope, and the volume in float32."""
    deconvolve, envelope, volume = _ours(scene)
    out = np.empty((volume.pairs, *scene.grid.shape), np.float32)
    return deconvolve, envelope, lambda e: volume.gather(e, out)


def our_int8_stages(scene: Scene) -> Stages:
    """The same with the volume in 8 bits, as an int8 network takes it."""
    deconvolve, envelope, volume = _ours(scene)
    out = np.empty((volume.pairs, *scene.grid.shape), np.int8)
    return deconvolve, envelope, lambda e: volume.gather_int8(e, out)


def _ours(scene: Scene) -> tuple[Deconvolver, Callable[[Any], Any], Volume]:
    deconvolve = scene.deconvolve
    rate, band = deconvolve.sample_rate_hz, deconvolve.band_hz
    volume = Volume(scene.rig, scene.grid, rate, deconvolve.window_samples)
    return deconvolve, lambda h: volume.pool(make_kernels(h, rate, band).envelope), volume


def error_db(found: Any, reference: Any) -> float:
    """Largest difference relative to the largest value [dB]. found: a volume, quantized or not."""
    if isinstance(found, QuantizedVolume):
        found = found.values
    difference = (
        np.abs(np.reshape(found, reference.shape) - reference).max() / np.abs(reference).max()
    )
    return 20.0 * float(np.log10(difference)) if difference > 0.0 else -float("inf")
