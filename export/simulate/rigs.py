"""Random rigs: microphone arrays with a loudspeaker beside or apart from them, and the four pairs
of the paper.

Each has its devices' true positions, for the acoustics, and the measured ones, which are written.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.distance import pdist

from edge.core.arrays import Array, Rng
from edge.core.config import ExcitationConfig
from edge.core.errors import ConfigError
from edge.core.profiles import load_array
from edge.core.rig import Camera, Rig, speed_of_sound
from export.acoustics.directivity import Directivity, sample_directivity
from export.simulate.electronics import ChannelLayout

RING = np.radians(60.0 * np.arange(6))
MICS_APART_M = 0.008


@dataclass(frozen=True, eq=False)
class SimulatedArray:
    """A microphone array. mics_m: (M, 2) right and down in its own plane. rates_hz: of capture,
    equally likely. reference: it has a loopback channel of the playback.
    """

    mics_m: Array
    rates_hz: tuple[int, ...]
    reference: bool


# Positions: ODAS' configuration (USB v2.0), Seeed's pages (the others).
ARRAYS = {
    "respeaker-usb-v2": SimulatedArray(
        np.array([[-0.032, 0.0], [0.0, -0.032], [0.032, 0.0], [0.0, 0.032]]), (16000,), True
    ),
    "respeaker-xvf3800": SimulatedArray(
        np.array([[0.033, -0.033], [0.033, 0.033], [-0.033, 0.033], [-0.033, -0.033]]),
        (16000, 48000),
        True,
    ),
    "respeaker-6-mic-circular": SimulatedArray(
        0.0463 * np.stack([np.cos(RING), np.sin(RING)], axis=1), (16000, 48000), True
    ),
    "respeaker-4-mic-hat": SimulatedArray(
        0.0405 / np.sqrt(2.0) * np.array([[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0]]),
        (16000, 48000),
        False,
    ),
    "respeaker-2-mic-hat": SimulatedArray(
        np.array([m.position_m for m in load_array("respeaker-2-mic-hat").mics]) * [1.0, -1.0],
        (16000, 48000),
        False,
    ),
}
COMPACT_WEIGHTS = (0.2, 0.15, 0.5, 0.15, 0.0)  # the last one only by name
PUBLIC, RANDOM, COMPACT_6, COMPACT_2 = "public", "random", "compact-6", "compact-2"
ONLY = {COMPACT_6: "respeaker-6-mic-circular", COMPACT_2: "respeaker-2-mic-hat"}
# Compact arrays at 16 kHz, by the band of the excitation: the default, a wider and a lower one.
PRODUCT_BAND_HZ = (2000.0, 7500.0)
COMPACT_BANDS_HZ = {
    "compact": PRODUCT_BAND_HZ,
    "compact-wide": (1000.0, 7500.0),
    "compact-low": (1000.0, 4000.0),
}
# What --rig takes: a family of rigs, or one of its members by name.
FAMILIES = (*COMPACT_BANDS_HZ, *ONLY, "arrays", "all", PUBLIC, RANDOM, *ARRAYS)
FAMILY_WEIGHTS = {"arrays": 0.75, RANDOM: 0.2, PUBLIC: 0.05}

# Bands [Hz] by capture rate, with how often each is drawn.
BANDS = {
    16000: (((2000.0, 7500.0), 0.7), ((1000.0, 7500.0), 0.2), ((1000.0, 4000.0), 0.1)),
    48000: (
        ((2000.0, 7500.0), 0.4),
        ((2000.0, 12000.0), 0.35),
        ((2000.0, 16000.0), 0.2),
        ((2000.0, 22000.0), 0.05),
    ),
    96000: (((1000.0, 10000.0), 0.5), ((2000.0, 16000.0), 0.5)),
}

MIC_ERROR_M = 0.0005
PLACE_ERROR_M = 0.003
TURN_ERROR_DEG = 0.7
SPREAD_ERROR_M = 0.01  # a tape measure across a room
THERMOMETER_ERROR_C = 0.7
COLOCATED_M = 0.02


@dataclass(frozen=True, eq=False)
class SimulatedRig:
    """A rig with its true and its measured positions.

    temperature_c: of the air at the start; the measured rig's speed of sound has the thermometer's
    error. layout: raw channels of the sound card. directivity: camera frame.
    """

    name: str
    true: Rig
    measured: Rig
    layout: ChannelLayout
    excitation: ExcitationConfig
    temperature_c: float
    directivity: Directivity


def sample_rig(rng: Rng, camera: Camera, family: str) -> SimulatedRig:
    """A rig of a family of FAMILIES near a camera. Raises ConfigError for an unknown one."""
    if family not in FAMILIES:
        raise ConfigError(f"rig {family!r} is unknown: one of {', '.join(FAMILIES)} is needed")
    only = ONLY.get(family, family if family in ARRAYS else None)
    if family == "all":
        family = str(rng.choice(list(FAMILY_WEIGHTS), p=list(FAMILY_WEIGHTS.values())))
    temperature_c = float(rng.uniform(14.0, 28.0))
    if family == PUBLIC:
        return _public(rng, camera, temperature_c)
    if family == RANDOM:
        return _random(rng, camera, temperature_c)
    name = only or str(rng.choice(list(ARRAYS), p=COMPACT_WEIGHTS))
    profile = ARRAYS[name]
    product = family in COMPACT_BANDS_HZ or family in ONLY
    rate = 16000 if product else int(rng.choice(profile.rates_hz))
    band = COMPACT_BANDS_HZ.get(family, PRODUCT_BAND_HZ) if product else _band(rng, rate)
    beside = rng.random() < 0.8
    return _mounted(
        rng, name, camera, profile.mics_m, beside, profile.reference, rate, band, temperature_c
    )


def _band(rng: Rng, rate: int) -> tuple[float, float]:
    bands = BANDS[rate]
    return bands[int(rng.choice(len(bands), p=[weight for _, weight in bands]))][0]


def _random(rng: Rng, camera: Camera, temperature_c: float) -> SimulatedRig:
    """One speaker, one to eight microphones within a random aperture, and any band above 1 kHz."""
    count, aperture = int(rng.integers(1, 9)), np.exp(rng.uniform(np.log(0.05), np.log(0.8)))
    mics = rng.uniform(-0.5, 0.5, (count, 2)) * aperture
    # Nearer than this they could be taken for one that is listed twice.
    while pdist(mics).min(initial=1.0) < MICS_APART_M:
        mics = rng.uniform(-0.5, 0.5, (count, 2)) * aperture
    rate = int(rng.choice([16000, 44100, 48000], p=[0.6, 0.1, 0.3]))
    top = min(0.47 * rate, 16000.0)
    low = float(np.round(np.exp(rng.uniform(np.log(1000.0), np.log(4000.0))), -1))
    high = float(np.round(rng.uniform(max(low + 2500.0, 0.5 * top), top), -1))
    reference, beside = bool(rng.random() < 0.7), bool(rng.random() < 0.6)
    return _mounted(rng, RANDOM, camera, mics, beside, reference, rate, (low, high), temperature_c)


def _mounted(
    rng: Rng,
    name: str,
    camera: Camera,
    mics_m: Array,
    beside: bool,
    reference: bool,
    rate: int,
    band: tuple[float, float],
    temperature_c: float,
) -> SimulatedRig:
    """An array near the camera, upright or (one in five) flat, its speaker near or far."""
    flat = rng.random() < 0.2
    turn = np.radians(rng.choice([0.0, 90.0, 180.0, 270.0]) + rng.normal(0.0, 3.0))
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    plane = mics_m @ spin.T
    across, up = plane[:, :1], -plane[:, 1:]
    zero = np.zeros_like(across)
    array = np.concatenate([across, up, zero] if flat else [across, zero, up], axis=1)
    angle = rng.uniform(-0.3, np.pi + 0.3)
    distance = rng.uniform(0.08, 0.25) if beside else rng.uniform(0.4, 1.5)
    speaker = distance * np.array([np.cos(angle), 0.0, -0.6 * np.sin(angle)]) + [
        0.0,
        rng.normal(0.0, 0.02),
        0.0,
    ]
    centre = np.array(
        [
            rng.normal(0.0, 0.05),
            rng.uniform(-0.02, 0.05),
            rng.choice([-1.0, 1.0], p=[0.8, 0.2]) * rng.uniform(0.05, 0.15),
        ]
    )
    floor = 0.1 - float(camera.height_m or 0.0)
    speaker[2] = max(speaker[2] + centre[2], floor) - centre[2]
    to_camera = camera.room_rotation
    mics, speakers = (array + centre) @ to_camera, (speaker + centre)[None] @ to_camera
    pairs = np.stack([np.zeros(len(mics), np.int64), np.arange(len(mics))], axis=1)
    true = Rig(speakers, mics, pairs, camera, speed_of_sound(temperature_c))
    moved = _rigidly_misplaced(rng, mics)
    error_c = THERMOMETER_ERROR_C * rng.normal()
    measured = replace(
        true,
        speakers=speakers + rng.normal(0.0, PLACE_ERROR_M, speakers.shape),
        mics=moved + rng.normal(0.0, MIC_ERROR_M, mics.shape),
        camera=_measured_camera(rng, camera),
        speed_of_sound_m_s=speed_of_sound(temperature_c + error_c),
    )
    layout = ChannelLayout(
        len(mics) + 2, tuple(range(1, len(mics) + 1)), len(mics) + 1 if reference else None
    )
    directivity = sample_directivity(rng, np.array([0.0, 0.0, 1.0]), 1, len(mics))
    return SimulatedRig(
        name, true, measured, layout, ExcitationConfig(rate, band, 0.1), temperature_c, directivity
    )


def _public(rng: Rng, camera: Camera, temperature_c: float) -> SimulatedRig:
    """The paper's layout: four speakers with a microphone each, around the person, at 96 kHz.

    Each pair is written as one point, as in the public dataset.
    """
    height = float(camera.height_m or 0.0)
    side = np.array([[-1.0, 0.2], [1.0, 0.2], [-1.0, 1.0], [1.0, 1.0]]) * [
        rng.uniform(1.2, 2.0),
        rng.uniform(2.5, 4.5),
    ]
    place = np.concatenate(
        [side + rng.normal(0.0, 0.25, (4, 2)), rng.uniform(0.4, 1.8, (4, 1))], axis=1
    )
    written = (place - [0.0, 0.0, height]) @ camera.room_rotation
    towards = rng.normal(size=(4, 3))
    half = COLOCATED_M * towards / np.linalg.norm(towards, axis=1, keepdims=True)
    real = written + rng.normal(0.0, SPREAD_ERROR_M, (4, 3))
    pairs = np.repeat(np.arange(4)[:, None], 2, axis=1)
    true = Rig(real + half, real - half, pairs, camera, speed_of_sound(temperature_c))
    measured = Rig(
        written,
        written.copy(),
        pairs,
        _measured_camera(rng, camera),
        speed_of_sound(temperature_c + rng.normal(0.0, 0.7)),
    )
    layout = ChannelLayout(5, (0, 1, 2, 3), 4)
    inward = written.mean(axis=0) - written
    speakers = sample_directivity(
        rng, inward / np.linalg.norm(inward, axis=1, keepdims=True), 4, 0
    ).speakers
    directivity = Directivity(speakers, np.zeros((4, 3)))  # microphones apart have no common axis
    excitation = ExcitationConfig(96000, _band(rng, 96000), 0.2)
    return SimulatedRig(PUBLIC, true, measured, layout, excitation, temperature_c, directivity)


def _rigidly_misplaced(rng: Rng, mics: Array) -> Array:
    """Microphones (M, 3) moved and turned as a whole: an array's place is known to millimetres, its
    orientation to a degree.
    """
    axis = np.radians(TURN_ERROR_DEG) * rng.normal(size=3) / np.sqrt(3.0)
    centre = mics.mean(axis=0)
    turned = mics - centre + np.cross(axis, mics - centre)
    return np.asarray(turned + centre + rng.normal(0.0, PLACE_ERROR_M, 3))


def _measured_camera(rng: Rng, camera: Camera) -> Camera:
    """The camera with errors of 1.5 cm in height, 0.5 deg in tilt, 0.3 % in focal length."""
    scale = 1.0 + rng.normal(0.0, 0.003)
    return replace(
        camera,
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        height_m=float(camera.height_m or 0.0) + rng.normal(0.0, 0.015),
        tilt_deg=camera.tilt_deg + rng.normal(0.0, 0.5),
    )
