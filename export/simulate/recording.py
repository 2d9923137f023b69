"""What an array records of people who move about in a simulated room, period by period."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray
from edge.core.config import ExcitationConfig
from edge.core.errors import SessionError
from edge.core.rig import Rig
from edge.sound.excitation import Excitation, make_excitation
from export.acoustics.capsules import body_surface
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import Reflector
from export.acoustics.shoebox import Room
from export.acoustics.surface import Surface
from export.simulate.electronics import (
    ChannelLayout,
    Electronics,
    Recorder,
    noise_for_sir,
    peak_level,
    random_transducers,
)
from export.simulate.room_sound import RoomSound

LOUDEST = 10.0 ** (-9.0 / 20.0)
LONGEST_DECAY_S = 0.5


@dataclass(frozen=True)
class RecordingConditions:
    """Conditions of a session.

    sir_db: body over noise after deconvolution of one period, median over the poses. temperature_c:
    of the air at the start. wall_order: reflections up to which body paths are exact.
    position_error_m: RMS error of the positions in the rig. echo_gain: range of the pressure
    reflection of clothes (1 is bare skin). mutual: people shade one another and pass sound on;
    False adds up what each would do alone, which is faster.
    """

    sir_db: float = 13.0
    temperature_c: float = 21.0
    drift_c_per_minute: float = 0.05
    wall_order: int = 2
    position_error_m: float = 0.001
    echo_gain: tuple[float, float] = (0.5, 0.9)
    speaker_ripple_db: float = 2.0
    mic_ripple_db: float = 0.7
    air_jitter_s: float = 0.3e-6
    third_harmonic: float = 0.003
    skew_ppm: float = 0.0
    mutual: bool = True
    delay_samples: float = 0.37


class Clothed:
    """A person of capsules in the same clothes at every pose, fine enough for the band.

    echo_gain: pressure reflection of the clothes, drawn from a range.
    """

    def __init__(
        self,
        excitation: ExcitationConfig,
        speed_of_sound_m_s: float,
        seed: int,
        echo_gain: tuple[float, float],
    ) -> None:
        rng = np.random.default_rng(seed)
        self._spacing_m = speed_of_sound_m_s / excitation.band_hz[1] / 3.0
        self._rough_m, self._seed = float(rng.uniform(0.004, 0.006)), seed
        self.echo_gain = float(rng.uniform(*echo_gain))

    def surface(self, joints: Array) -> Surface:
        """The body of BODY_25 joints (25, 3) [m], in their frame."""
        rng = np.random.default_rng([self._seed, 1])
        return body_surface(joints, self._spacing_m, rng, rough_m=self._rough_m)


def known(joints: Array) -> Array:
    """The finite ones of joints (..., 3), as (A, 3)."""
    return np.asarray(joints[np.isfinite(joints).all(axis=-1)])


class Recording:
    """The recording of one room with one array, in which people come, move and go.

    excitation: the signal. layout: of its raw channels. room: where it is.
    """

    def __init__(
        self,
        rig: Rig,
        excitation: ExcitationConfig,
        layout: ChannelLayout,
        poses: Array,
        *,
        seed: int,
        conditions: RecordingConditions | None = None,
        room: Room | None = None,
    ) -> None:
        """poses: (K, Q, 25, 3) BODY_25 joints of Q people, camera frame [m], NaN where unknown or
        not in the room: where people will be. The room holds them all, and noise has its level
        from some of them. room: None draws a furnished one. The same seed gives the same sound.
        Raises SessionError.
        """
        k = conditions or RecordingConditions()
        if poses.ndim != 4 or poses.shape[2:] != (25, 3) or not np.isfinite(poses).any():
            raise SessionError(
                f"poses have shape {poses.shape}: (K, Q, 25, 3) with somebody in them is needed"
            )
        draw = np.random.default_rng([seed, 0])
        self._conditions, self._period_s = k, excitation.period_s
        self._between = [seed, 4]  # the same paths from body to body in every period
        self.excitation = signal = make_excitation(
            excitation.sample_rate_hz,
            excitation.band_hz,
            excitation.period_s,
            excitation.level_dbfs,
        )
        self.layout = layout
        grid = PeriodGrid(excitation.sample_rate_hz, excitation.period_samples, excitation.band_hz)
        if room is None:
            if rig.camera.height_m is None:
                raise SessionError(
                    "the rig's camera has no height, but a room needs a floor: set height_m or "
                    "give a room"
                )
            places = np.concatenate([rig.speakers, rig.mics, known(poses)])
            room = random_room(draw, rig.camera.room_rotation, rig.camera.height_m, places)
        self.room = room
        real = _as_mounted(rig, k.position_error_m, draw)
        self._people = [
            Clothed(excitation, rig.speed_of_sound_m_s, seed + q, k.echo_gain)
            for q in range(poses.shape[1])
        ]
        self._sound = RoomSound(
            room,
            real,
            grid,
            LateTail(room, draw, after_order=k.wall_order),
            wall_order=k.wall_order,
            temperature_c=k.temperature_c,
            longest_decay_s=LONGEST_DECAY_S,
        )
        self._empty = self._sound.empty(k.temperature_c)
        electronics = _electronics(real, signal, layout, k, grid, self._empty, draw)
        noise_rms = electronics.gain * self._median_noise(real, poses)
        electronics = replace(electronics, noise_rms=noise_rms)
        self._recorder = Recorder(signal, layout, electronics, np.random.default_rng([seed, 2]))

    def period(self, joints: Array, index: int) -> npt.NDArray[np.int16]:
        """Raw channels (N, C) of period number `index` with people (Q, 25, 3) in the room."""
        k = self._conditions
        warmth = k.temperature_c + k.drift_c_per_minute / 60.0 * self._period_s * index
        empty = self._sound.empty(warmth) if k.drift_c_per_minute else self._empty
        return self._recorder.period(empty + self._heard(joints, warmth), index)

    def _heard(self, joints: Array, temperature_c: float) -> ComplexArray:
        """What those in the room change: (S, M, F)."""
        bodies = [
            Reflector(p.surface(j), p.echo_gain, known(j))
            for p, j in zip(self._people, joints, strict=True)
            if np.isfinite(j).any()
        ]
        if not bodies:
            return np.zeros_like(self._empty)
        if self._conditions.mutual:
            paths = np.random.default_rng(self._between)
            return self._sound.bodies(bodies, temperature_c, paths)
        each = [self._sound.bodies([b], temperature_c) for b in bodies]
        return np.asarray(sum(each[1:], start=each[0]), np.complex64)

    def _median_noise(self, rig: Rig, poses: Array) -> float:
        """Noise RMS [sound pressure] for the asked signal to interference, median over some
        people.
        """
        k, noise = self._conditions, []
        for joints in poses[:: max(1, len(poses) // 8)]:
            for q in np.flatnonzero(np.isfinite(joints).any(axis=(1, 2))):
                alone = np.full_like(joints, np.nan)
                alone[q] = joints[q]
                first = float(rig.arrival_s(known(alone)).min())
                response = self._heard(alone, k.temperature_c)[0]
                noise.append(noise_for_sir(self.excitation, response, first, k.sir_db))
        if not noise:  # nobody in every n-th pose, but somebody between
            return self._median_noise(rig, poses[np.isfinite(poses).any(axis=(1, 2, 3))])
        return float(np.median(noise))


def _as_mounted(rig: Rig, error_m: float, rng: np.random.Generator) -> Rig:
    """The rig with the true positions of its devices, off the measured ones by `error_m` RMS."""
    return replace(
        rig,
        speakers=rig.speakers + rng.normal(0.0, error_m, rig.speakers.shape),
        mics=rig.mics + rng.normal(0.0, error_m, rig.mics.shape),
    )


def _electronics(
    rig: Rig,
    signal: Excitation,
    layout: ChannelLayout,
    k: RecordingConditions,
    grid: PeriodGrid,
    empty: ComplexArray,
    rng: np.random.Generator,
) -> Electronics:
    """Electronics without noise, with a gain for a peak of -9 dBFS in the empty room."""
    speakers, mics = random_transducers(
        rng,
        grid.frequencies_hz,
        len(rig.speakers),
        len(rig.mics),
        (k.speaker_ripple_db, k.mic_ripple_db),
    )
    electronics = Electronics(
        speaker_response=speakers,
        mic_response=mics,
        delay_samples=k.delay_samples,
        air_jitter_s=k.air_jitter_s,
        third_harmonic=k.third_harmonic,
        skew_ppm=k.skew_ppm,
    )
    peak = float(peak_level(signal, layout, electronics, empty))
    return replace(electronics, gain=LOUDEST / peak)
