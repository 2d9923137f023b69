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

Body = Callable[[Array], Surface]

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


def clothed_capsules(excitation: ExcitationConfig, speed_of_sound_m_s: float, seed: int) -> Body:
    """Capsule bodies for BODY_25 joints, in the same clothes, fine enough for the band."""
    spacing = speed_of_sound_m_s / excitation.band_hz[1] / 3.0
    rough = float(np.random.default_rng(seed).uniform(0.004, 0.006))
    return lambda joints: body_surface(
        joints, spacing, np.random.default_rng([seed, 1]), rough_m=rough
    )


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
    body: Body | None = None,
    licence: str = "",
    description: str = "",
) -> Room:
    """Write a session: grey frames of the empty room first, then one period and one frame for each
    pose. Returns the room.

    poses: (K, 25, 3) BODY_25 joints, camera frame [m], NaN where unknown. frames: K images (H, W,
    3) uint8 RGB, each of the middle of its period. empty_s: of the empty room. room: None draws a
    furnished one around the camera and all poses. body: joints -> surface in the camera frame;
    None: capsules. The same seed gives the same sound. Raises SessionError.
    """
    k = conditions or RecordingConditions()
    if poses.ndim != 3 or poses.shape[1:] != (25, 3) or len(poses) == 0:
        raise SessionError(f"poses have shape {poses.shape}: (K, 25, 3) with K > 0 is needed")
    draw = np.random.default_rng([seed, 0])
    signal = make_excitation(
        excitation.sample_rate_hz, excitation.band_hz, excitation.period_s, excitation.level_dbfs
    )
    grid = PeriodGrid(excitation.sample_rate_hz, excitation.period_samples, excitation.band_hz)
    places = np.concatenate([rig.speakers, rig.mics, poses[np.isfinite(poses).all(axis=2)]])
    if room is None:
        if rig.camera.height_m is None:
            raise SessionError(
                "the rig's camera has no height, but a room needs a floor: set height_m or give "
                "a room"
            )
        room = random_room(draw, rig.camera.room_rotation, rig.camera.height_m, places)
    real = _as_mounted(rig, k.position_error_m, draw)
    tail = LateTail(room, draw, after_order=k.wall_order)
    make_body = body or clothed_capsules(excitation, rig.speed_of_sound_m_s, seed)
    echo_gain = float(draw.uniform(*k.echo_gain))
    sound = RoomSound(
        room,
        real,
        grid,
        tail,
        wall_order=k.wall_order,
        temperature_c=k.temperature_c,
        longest_decay_s=LONGEST_DECAY_S,
    )

    def body_at(joints: Array, temperature_c: float) -> ComplexArray:
        known = joints[np.isfinite(joints).all(axis=1)]
        return sound.body(make_body(joints), temperature_c, echo_gain=echo_gain, anchors=known)

    electronics = _electronics(real, signal, layout, k, grid, sound.empty(k.temperature_c), draw)
    noise_rms = electronics.gain * _median_noise(signal, k, real, poses, body_at)
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
            response = sound.empty(warmth[i]) + body_at(joints, warmth[i])
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
    body_at: Callable[[Array, float], ComplexArray],
) -> float:
    """Noise RMS [sound pressure] for the asked signal to interference, median over some poses."""
    noise = []
    for joints in poses[:: max(1, len(poses) // 8)]:
        known = joints[np.isfinite(joints).all(axis=1)]
        first = float(rig.arrival_s(known).min())
        noise.append(noise_for_sir(signal, body_at(joints, k.temperature_c)[0], first, k.sir_db))
    return float(np.median(noise))
