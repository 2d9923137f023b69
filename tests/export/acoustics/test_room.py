"""Rooms: reflections agree with geometry, and bodies change them as measured."""

import numpy as np
import pytest
from scipy.signal import hilbert

from edge.core.rig import Camera
from export.acoustics.capsules import body_surface, capsule_surface
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import body_response, empty_response
from export.acoustics.shoebox import Box, Room, wall_images
from tests.support.bodies import STANDING

pytestmark = pytest.mark.export

C = 343.2
GRID = PeriodGrid(16000, 1600, (2000.0, 7500.0))
SPEAKER = np.array([[0.1, 0.06, 0.0]])
ANGLE = np.arange(6) * np.pi / 3
RING = np.stack([0.0463 * np.cos(ANGLE), 0.06 + 0.0463 * np.sin(ANGLE), 0 * ANGLE], 1)
LEVEL = Camera(640, 480, 520, 520, 320, 240, height_m=1.2).room_rotation


def envelope(spectrum):
    return np.abs(hilbert(GRID.response(spectrum)))


def unit_peak():
    return envelope(np.exp(-2j * np.pi * GRID.frequencies_hz * 0.01) * GRID.band_gain).max()


def plain_room(reflection=0.0, furniture=()):
    return Room(
        np.array([5.0, 6.0, 2.7]),
        np.full(6, reflection),
        LEVEL,
        np.array([2.3, 0.7, 1.2]),
        furniture,
    )


def turned(heading, hips):
    turn = np.array(
        [[np.cos(heading), 0, np.sin(heading)], [0, 1, 0], [-np.sin(heading), 0, np.cos(heading)]]
    )
    return (STANDING - STANDING[8]) @ turn.T + hips


def test_first_and_second_order_images_are_all_there():
    images = wall_images(plain_room(0.5), 2)
    assert np.bincount(images.orders).tolist() == [1, 6, 18]
    assert np.allclose(images.gains, 0.5**images.orders)
    assert np.allclose(images.of(np.array([1.0, 2.0, 0.5]))[0], [1.0, 2.0, 0.5])


def test_a_reflecting_floor_gives_one_image_below_it():
    room = Room(
        np.array([5.0, 6.0, 2.7]), np.array([0, 0, 0, 0, 0.8, 0]), LEVEL, np.array([2.3, 0.7, 1.2])
    )
    got = empty_response(room, SPEAKER, RING[:1], GRID, C)[0, 0]
    across = np.linalg.norm((SPEAKER - RING)[0, [0, 2]])
    floor = np.hypot(across, (1.2 - SPEAKER[0, 1]) + (1.2 - RING[0, 1]))
    direct = np.linalg.norm(SPEAKER - RING[0])
    f = GRID.frequencies_hz
    expected = (
        sum(g / d * np.exp(-2j * np.pi * f * d / C) for g, d in ((1.0, direct), (0.8, floor)))
        * GRID.band_gain
    )
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max()


def test_reverberation_decays_as_eyring_predicts():
    room = plain_room(0.9)
    assert 0.2 < room.reverberation_s < 0.8
    grid = PeriodGrid(16000, 16000, (2000.0, 7500.0))
    h = grid.response(empty_response(room, SPEAKER, RING[:2], grid, C, 1.0))[0]
    energy = (h**2).mean(0)
    early, late = energy[800:1600].sum(), energy[2400:3200].sum()
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.1 / room.reverberation_s, rel=0.35)


def test_furniture_echoes_from_its_front():
    box = Box((1.8, 3.7, 0.0), (2.8, 4.2, 1.6), 0.9)
    with_box = empty_response(plain_room(0.0, (box,)), SPEAKER, RING[:1], GRID, C)
    e = envelope(with_box - empty_response(plain_room(), SPEAKER, RING[:1], GRID, C))[0, 0]
    assert np.argmax(e) / 16000 * C / 2 == pytest.approx(3.0, abs=0.04)


def test_a_small_body_echoes_at_the_geometric_time():
    ball = capsule_surface(
        np.array([[0.4, 0.1, 2.5, 0.4, 0.1, 2.501, 0.06]]), 0.006, 0.0, np.random.default_rng(0)
    )
    e = envelope(body_response(plain_room(), ball, SPEAKER, RING, GRID, C, order=0))[0]
    centre = np.array([0.4, 0.1, 2.5])
    for m, mic in enumerate(RING):
        path = np.linalg.norm(SPEAKER[0] - centre) + np.linalg.norm(mic - centre) - 2 * 0.06
        fine = np.abs(np.fft.ifft(np.pad(np.fft.fft(e[m])[:400], (0, 12400))))
        assert np.argmax(fine) / len(fine) * 0.1 * C == pytest.approx(path, abs=0.02)
        assert 20 * np.log10(e[m].max() / unit_peak()) == pytest.approx(
            20 * np.log10(0.03 / 2.47**2), abs=1.5
        )


@pytest.mark.parametrize(("distance", "level"), [(2.0, -24.0), (3.0, -31.0), (4.0, -36.0)])
def test_a_standing_person_echoes_as_strongly_as_measured(distance, level):
    peaks = []
    for heading in (-0.9, -0.4, 0.3, 0.8):
        joints = turned(heading, [0.2, 0.3, distance])
        body = body_surface(joints, GRID.patch_spacing_m(C), np.random.default_rng(1))
        e = envelope(body_response(plain_room(), body, SPEAKER, RING, GRID, C, order=0))[0]
        peaks.append(np.median(e.max(axis=1)) / unit_peak())
    assert 20 * np.log10(np.median(peaks)) == pytest.approx(level, abs=5.0)


def test_walls_add_paths_and_silent_walls_add_none():
    body = body_surface(STANDING, GRID.patch_spacing_m(C), np.random.default_rng(0))
    free = body_response(plain_room(), body, SPEAKER, RING, GRID, C, order=0)
    silent = body_response(plain_room(), body, SPEAKER, RING, GRID, C, order=1)
    lively = body_response(plain_room(0.8), body, SPEAKER, RING, GRID, C, order=1)
    assert np.abs(silent - free).max() < 1e-6
    e, f = envelope(lively)[0].mean(0), envelope(free)[0].mean(0)
    after = slice(int(2 * 3.4 / C * 16000), int(2 * 5.0 / C * 16000))
    assert e[after].max() > 5 * f[after].max()


def test_the_late_tail_follows_the_body_and_not_chance():
    room = plain_room(0.85)
    tail = LateTail(room, np.random.default_rng(3), level_db=0.0)
    again = LateTail(room, np.random.default_rng(3), level_db=0.0)
    speaker, mics, joints = (room.place(p) for p in (SPEAKER, RING, STANDING))

    def response(t, shift):
        buffer = GRID.buffer(6)
        t.deposit(speaker[0], mics, 0.5, joints + shift, GRID.deposit_rate_hz / C, buffer)
        return GRID.response(GRID.impulse_spectrum(buffer))

    still, moved, far = response(tail, 0.0), response(tail, 0.002), response(tail, 0.3)
    assert np.array_equal(still, response(again, 0.0))
    assert np.corrcoef(still.ravel(), moved.ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(still.ravel(), far.ravel())[0, 1]) < 0.3
    first = (
        np.linalg.norm(joints - speaker, axis=1) + np.linalg.norm(joints - mics.mean(0), axis=1)
    ).min()
    before = slice(int(0.2 / C * 16000), int((first - 0.3) / C * 16000))
    assert np.abs(still[:, before]).max() < 0.05 * np.abs(still).max()


def test_late_energy_is_above_the_echo_as_in_a_wave_solver():
    """There it is 11-13 dB above the echo 0.7-1.7 m behind the person (many poses); for upright
    people, who echo more, less.
    """
    grid = PeriodGrid(16000, 1600, (1000.0, 3600.0))
    with_tail, without = [], []
    for seed in range(10):
        rng, joints = np.random.default_rng(seed), turned(-0.9 + 0.2 * seed, [0.0, 0.3, 3.3])
        room = random_room(
            rng,
            LEVEL,
            1.2,
            np.concatenate([SPEAKER, RING, joints]),
            size_m=(4.5, 5.0, 2.6),
            pieces=0,
        )
        body, tail = body_surface(joints, grid.patch_spacing_m(C), rng), LateTail(room, rng)
        for out, options in (
            (with_tail, {"tail": tail, "anchors": joints}),
            (without, {"order": 1}),
        ):
            e2 = (
                np.abs(
                    hilbert(
                        grid.response(body_response(room, body, SPEAKER, RING, grid, C, **options))
                    )
                )[0]
                ** 2
            ).mean(0)
            r = np.arange(1600) / 16000 * C / 2
            echo, near, far = (e2[(r > a) & (r < a + 0.5)].mean() for a in (2.9, 4.0, 4.5))
            out.append([10 * np.log10(near / echo), 10 * np.log10(far / echo)])
    assert (np.median(with_tail, axis=0) > 1.0).all()
    assert (np.median(with_tail, axis=0) < 15.0).all()
    assert np.median(np.subtract(with_tail, without)[:, 1]) > 6.0


def test_random_rooms_hold_everyone_and_keep_the_way_free():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        room = random_room(rng, LEVEL, 1.2, np.concatenate([SPEAKER, RING, STANDING]))
        placed = room.place(np.concatenate([SPEAKER, RING, STANDING]))
        assert (placed > 0).all()
        assert (placed < room.size_m).all()
        assert room.place([0.0, 1.2, 2.0])[2] == pytest.approx(0.0, abs=1e-9)
        way = room.place([0.0, 0.0, 0.0]) + np.linspace(0, 1, 20)[:, None] * (
            room.place(STANDING[8]) - room.place([0.0, 0.0, 0.0])
        )
        for box in room.furniture:
            assert not ((way[:, :2] > box.low[:2]) & (way[:, :2] < box.high[:2])).all(axis=1).any()


def test_a_device_outside_the_room_is_refused():
    with pytest.raises(ValueError, match="outside a room"):
        empty_response(plain_room(), np.array([[9.0, 0.0, 0.0]]), RING, GRID, C)
