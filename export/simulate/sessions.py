"""Simulated sessions: posed bodies in a room, as the raw channels of a real array."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, ComplexArray, Image
from edge.core.config import ExcitationConfig
from edge.core.errors import SessionError
from edge.core.rig import Camera, Rig, speed_of_sound
from edge.sound.excitation import Excitation, make_excitation
from edge.sources.session.writer import SessionWriter
from export.acoustics.capsules import body_surface
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
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
from export.simulate.rigs import ARRAYS
from export.simulate.room_sound import RoomSound

RESPEAKER_USB_V2_MICS = ARRAYS["respeaker-usb-v2"].mics_m
LOUDEST = 10.0 ** (-9.0 / 20.0)
LONGEST_DECAY_S = 0.5
GREY = 96


@dataclass(frozen=True)
class RecordingConditions:
    """Conditions of a session.

    sir_db: body over noise after deconvolution of one period, median over the poses. temperature_c:
    of the air at the start. wall_order: reflections up to which body paths are exact.
    position_error_m: RMS error of the positions in the rig. echo_gain: range of the pressure
    reflection of clothes (1 is bare skin).
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
    delay_samples: float = 0.37


def array_rig(
    camera: Camera,
    mics_m: Array,
    speaker_m: Array,
    temperature_c: float,
    below_camera_m: float = 0.06,
) -> Rig:
    """A rig with an upright array under a camera of known height, tilt and roll.

    mics_m (M, 2), speaker_m (2,): right and down in the array's plane, which is vertical [m].
    """
    plane = np.concatenate([np.atleast_2d(speaker_m), mics_m])
    level = np.stack([plane[:, 0], np.zeros(len(plane)), -plane[:, 1] - below_camera_m], axis=1)
    devices = level @ camera.room_rotation
    pairs = np.stack([np.zeros(len(mics_m), np.int64), np.arange(len(mics_m))], axis=1)
    return Rig(devices[:1], devices[1:], pairs, camera, speed_of_sound(temperature_c))


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


def simulate_session(
    path: Path,
    rig: Rig,
    excitation: ExcitationConfig,
    layout: ChannelLayout,
    poses: Array,
    frames: Iterable[Image],
    *,
    seed: int,
    empty_s: float = 2.0,
    conditions: RecordingConditions | None = None,
    room: Room | None = None,
    licence: str = "",
    description: str = "",
) -> Room:
    """Write a session: grey frames of the empty room first, then one period and one frame for each
    pose. Returns the room.

    poses: (K, Q, 25, 3) BODY_25 joints of Q people, camera frame [m], NaN where unknown or not in
    the room. frames: K images (H, W, 3) uint8 RGB, each of the middle of its period. empty_s: of
    the empty room. room: None draws a furnished one around the camera and all poses. The bodies
    are capsules. The same seed gives the same sound. Raises SessionError.
    """
    k = conditions or RecordingConditions()
    if poses.ndim != 4 or poses.shape[2:] != (25, 3) or len(poses) == 0:
        raise SessionError(f"poses have shape {poses.shape}: (K, Q, 25, 3) with K > 0 is needed")
    draw = np.random.default_rng([seed, 0])
    signal = make_excitation(
        excitation.sample_rate_hz, excitation.band_hz, excitation.period_s, excitation.level_dbfs
    )
    grid = PeriodGrid(excitation.sample_rate_hz, excitation.period_samples, excitation.band_hz)
    places = np.concatenate([rig.speakers, rig.mics, poses[np.isfinite(poses).all(axis=-1)]])
    if room is None:
        if rig.camera.height_m is None:
            raise SessionError(
                "the rig's camera has no height, but a room needs a floor: set height_m or give "
                "a room"
            )
        room = random_room(draw, rig.camera.room_rotation, rig.camera.height_m, places)
    real = _as_mounted(rig, k.position_error_m, draw)
    tail = LateTail(room, draw, after_order=k.wall_order)
    people = [
        Clothed(excitation, rig.speed_of_sound_m_s, seed + q, k.echo_gain)
        for q in range(poses.shape[1])
    ]
    sound = RoomSound(
        room,
        real,
        grid,
        tail,
        wall_order=k.wall_order,
        temperature_c=k.temperature_c,
        longest_decay_s=LONGEST_DECAY_S,
    )

    def heard(joints: Array, temperature_c: float) -> ComplexArray:
        """What those in the room change; joints (Q, 25, 3)."""
        there = [(p, j) for p, j in zip(people, joints, strict=True) if np.isfinite(j).any()]
        responses = [
            sound.body(p.surface(j), temperature_c, echo_gain=p.echo_gain, anchors=known(j))
            for p, j in there
        ]
        return np.asarray(sum(responses, start=np.zeros_like(empty)), np.complex64)

    empty = sound.empty(k.temperature_c)
    electronics = _electronics(real, signal, layout, k, grid, empty, draw)
    noise_rms = electronics.gain * _median_noise(signal, k, real, poses, heard)
    electronics = replace(electronics, noise_rms=noise_rms)
    period_s = excitation.period_s
    recorder = Recorder(signal, layout, electronics, np.random.default_rng([seed, 2]))
    silent = round(empty_s / period_s)
    period_ns = round(period_s * 1e9)
    times = (np.arange(silent + len(poses)) * period_ns).astype(np.int64)
    warmth = k.temperature_c + k.drift_c_per_minute / 60.0 * period_s * np.arange(len(times))
    with SessionWriter(
        path,
        source="simulated",
        rig=rig,
        excitation=excitation,
        channels=layout.channels,
        mic_channels=layout.mic_channels,
        reference_channel=layout.reference_channel,
        description=description,
        licence=licence,
        empty_until_s=silent * period_s,
        fps=1.0 / period_s,
    ) as writer:
        grey = np.full((rig.camera.height, rig.camera.width, 3), GREY, np.uint8)
        for i in range(silent):
            writer.add_period(recorder.period(sound.empty(warmth[i]), i), int(times[i]))
            writer.add_frame(grey, int(times[i]) + period_ns // 2)
        shown = 0
        for i, (joints, image) in enumerate(zip(poses, frames, strict=False), start=silent):
            response = sound.empty(warmth[i]) + heard(joints, warmth[i])
            writer.add_period(recorder.period(response, i), int(times[i]))
            writer.add_frame(image, int(times[i]) + period_ns // 2)
            shown += 1
        writer.set_truth(times[silent : silent + shown] + period_ns // 2, poses[:shown])
    if shown < len(poses):
        raise SessionError(
            f"{path}: {shown} images for {len(poses)} poses: one image for each pose is needed"
        )
    return room


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


def _median_noise(
    signal: Excitation,
    k: RecordingConditions,
    rig: Rig,
    poses: Array,
    heard: Callable[[Array, float], ComplexArray],
) -> float:
    """Noise RMS [sound pressure] for the asked signal to interference, median over some people."""
    noise = []
    for joints in poses[:: max(1, len(poses) // 8)]:
        for q in np.flatnonzero(np.isfinite(joints).any(axis=(1, 2))):
            alone = np.full_like(joints, np.nan)
            alone[q] = joints[q]
            first = float(rig.arrival_s(known(alone)).min())
            noise.append(noise_for_sir(signal, heard(alone, k.temperature_c)[0], first, k.sir_db))
    if not noise:
        raise SessionError("nobody is in any of the poses: their joints are all NaN")
    return float(np.median(noise))
