"""A room whose air warms, with somebody standing in it, as responses of a ring of microphones."""

import numpy as np

from edge.core.rig import speed_of_sound
from edge.sound.room.background import Background
from edge.sound.room.occupant import Occupant
from tests.support import reference
from tests.support.scenes.signals import BAND, PERIOD, RATE, UNCOMPILED, WINDOW, db, ring

ROOM = (5.2, 4.1, 2.6)
ORIGIN = np.array([0.4, 2.0, 1.25])  # of the camera frame, in the room
BODY_RANGE_M = 2.5
RIG = ring()
BINS = np.arange(200, 751)
WINDOW_OF_BAND = reference.band_window(BINS * 10.0, BAND)


def room_frame(points):
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    return ORIGIN + np.stack([z, -x, -y], axis=-1)


def responses(lengths_m, gains, c, jitter_s=0.0):
    """Analytic responses (6, T) to paths (6, K)."""
    delay = lengths_m / c + jitter_s
    spectrum = np.zeros((6, PERIOD), complex)
    # exp(-i w tau) on an even frequency grid is a geometric series: one exponential per path.
    value = gains * np.exp(-2j * np.pi * 10.0 * BINS[0] * delay)
    turn = np.exp(-2j * np.pi * 10.0 * delay)
    for k, w in zip(BINS, WINDOW_OF_BAND, strict=True):
        spectrum[:, k] = w * value.sum(axis=1)
        value = value * turn
    return (np.fft.ifft(spectrum)[:, :WINDOW] * PERIOD / WINDOW_OF_BAND.sum()).astype(np.complex64)


def walls():
    """Paths of the empty room (6, K), up to 13.5 m."""
    paths = [
        reference.shoebox_paths(ROOM, 0.85, room_frame(RIG.speakers[0]), room_frame(m), 13.5)
        for m in RIG.mics
    ]
    count = min(len(lengths) for lengths, _ in paths)
    order = [np.argsort(lengths)[:count] for lengths, _ in paths]
    lengths, gains = (
        np.array([p[k][o] for p, o in zip(paths, order, strict=True)]) for k in (0, 1)
    )
    return lengths, gains


def body(shift_m=0.0, breath_m=0.0):
    """Paths (6, K) over a standing person: 12 points, -12 dB target strength, direct and by way of
    the floor.

    breath_m: how far the chest has come out towards the array [m].
    """
    height = np.linspace(0.2, 1.75, 12)
    places = np.stack(
        [np.full(12, ORIGIN[0] + BODY_RANGE_M + shift_m), 2.1 + 0.05 * np.sin(9 * height), height],
        axis=-1,
    )
    places[:, 0] += 0.06 * np.cos(7 * height) - breath_m * ((height > 0.9) & (height < 1.5))
    speaker = room_frame(RIG.speakers[0])
    lengths, gains = [], []
    for mic in room_frame(RIG.mics):
        there = np.concatenate(
            [np.linalg.norm(places - s, axis=1) for s in (speaker, speaker * [1, 1, -1])]
        )
        back = np.tile(np.linalg.norm(places - mic, axis=1), 2)
        lengths.append(there + back)
        gains.append(0.25 / np.sqrt(12) / (there * back) * np.repeat([1.0, 0.85], 12))
    return np.array(lengths), np.array(gains)


WALLS, BODY = walls(), body()
FIRST_ARRIVAL = BODY[0].min(axis=1) / speed_of_sound(21.0)
STANDING = [Occupant(FIRST_ARRIVAL)]


def noise(rng, level):
    return (
        level * (rng.standard_normal((6, WINDOW)) + 1j * rng.standard_normal((6, WINDOW)))
    ).astype(np.complex64)


def background(**options):
    return Background(
        RIG, RATE, BAND, WINDOW, **({"adapt_s": 15.0, "leak_s": 1.2, "track_drift": True} | options)
    )


def learned(rng, seconds=12.0 if UNCOMPILED else 30.0, **options):
    """A background that saw the empty room at 20 degrees until t = 0."""
    room = background(**options)
    for t in np.arange(-seconds, 0.0, 1.0):
        room.step(empty(0.0, rng) + noise(rng, 2e-4), ns(t), [])
    assert room.ready
    return room


def empty(t_s, rng):
    """The room t seconds on: 1.5 degrees in 10 minutes, 0.3 us jitter."""
    c = speed_of_sound(20.0 + 1.5 * t_s / 600.0)
    return responses(*WALLS, c, rng.normal(0.0, 0.3e-6))


def ns(t_s):
    return round((t_s + 1_000.0) * 1e9)


def gate():
    """(6, T) True from the first arrival of the body to 35 % behind it."""
    t = np.arange(WINDOW) / RATE
    return (t >= FIRST_ARRIVAL[:, None] - 2e-4) & (t < 1.35 * FIRST_ARRIVAL[:, None])


def sir_db(found, true):
    return db(np.linalg.norm(true[gate()]) / np.linalg.norm((found - true)[gate()]))


def chair_at(half_path_m, gain=0.03):
    """A chair's echoes (6, T): seat, back, and by way of the floor."""
    lengths = 2.0 * half_path_m + np.array([0.0, 0.15, 0.4])
    return responses(
        lengths + np.zeros((6, 1)), gain * np.array([1.0, 0.6, 0.7]) + np.zeros((6, 1)), 343.42
    )
