"""Several bodies in a room: they shade one another as waves do, and far apart they only add up."""

import numpy as np
import pytest
from scipy.special import fresnel

from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import Reflector, bodies_response, body_response
from export.acoustics.shading import passed
from export.acoustics.shoebox import Room
from export.acoustics.surface import Surface, join

pytestmark = pytest.mark.export

C = 343.4
GRID = PeriodGrid(16000, 1600, (2000.0, 7500.0))
SPEAKER, MIC = np.array([[0.1, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.0], [0.05, 0.0, 0.0]])
WAVELENGTH_M = 0.088


def a_room(reflection: float = 0.0) -> Room:
    # Camera frame: x right, y down, z forward; the room's z is up.
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    return Room(
        np.array([6.0, 7.0, 3.0]), np.full(6, reflection), rotation, np.array([3.0, 0.5, 1.2])
    )


def column(x: float, z: float, radius: float = 0.2, height: float = 1.6) -> Surface:
    """An upright cylinder, camera frame."""
    spacing = 0.015
    around = int(np.ceil(2 * np.pi * radius / spacing))
    rows = int(np.ceil(height / spacing))
    angle, y = np.meshgrid(
        2 * np.pi * np.arange(around) / around, height * ((np.arange(rows) + 0.5) / rows - 0.5)
    )
    normals = np.stack([np.cos(angle), 0.0 * angle, np.sin(angle)], axis=-1).reshape(-1, 3)
    points = radius * normals + np.stack([0 * y, y, 0 * y], axis=-1).reshape(-1, 3) + [x, 0.2, z]
    areas = np.full(len(points), 2 * np.pi * radius * height / len(points))
    return Surface(points, normals, areas)


def together(surfaces: list[Surface], reflection: float = 0.0, **options) -> np.ndarray:
    bodies = [Reflector(s) for s in surfaces]
    room = a_room(reflection)
    return bodies_response(room, bodies, SPEAKER, MIC, GRID, C, order=1, **options)


def level_db(spectra: np.ndarray, path_m: float, half_m: float = 0.3) -> float:
    """Energy around a half path."""
    response = np.fft.irfft(spectra[0], GRID.period_samples)
    at = 2.0 * path_m / C * GRID.sample_rate_hz
    reach = 2.0 * half_m / C * GRID.sample_rate_hz
    gate = response[:, int(at - reach) : int(at + reach)]
    return 10.0 * float(np.log10(np.mean(gate**2)))


def test_one_body_is_what_it_was() -> None:
    body = column(0.3, 2.0)
    one = body_response(a_room(0.7), body, SPEAKER, MIC, GRID, C, order=1)
    np.testing.assert_array_equal(one, together([body], 0.7))


def test_bodies_that_do_not_hide_one_another_add_up() -> None:
    left, right = column(-0.9, 2.2), column(0.9, 2.6)
    single = [together([body]) for body in (left, right)]
    np.testing.assert_allclose(together([left, right]), single[0] + single[1], atol=1e-7)


def test_a_body_exactly_behind_another_is_heard_less() -> None:
    front, back = column(0.0, 1.6), column(0.0, 3.0)
    alone = level_db(together([back]), 2.8)
    behind = level_db(together([front, back]) - together([front]), 2.8)
    assert -25.0 < behind - alone < -8.0
    aside = column(1.0, 3.0)
    beside = together([front, aside]) - together([front])
    assert level_db(beside, 2.97) == pytest.approx(level_db(together([aside]), 2.97), abs=0.5)
    # The one in front is heard as ever.
    ahead = together([front, back]) - together([back])
    assert level_db(ahead, 1.4) == pytest.approx(level_db(together([front]), 1.4), abs=0.1)


def test_two_bodies_one_behind_the_other_cast_one_shadow() -> None:
    """What is behind both is as dark as behind the first: the second takes away what is left."""
    front, back = column(0.0, 1.6), column(0.0, 2.4)
    listener = np.array([[0.0, 0.0, 5.0]])
    bodies = [Reflector(front), Reflector(back)]
    both = bodies_response(a_room(), bodies, SPEAKER, listener, GRID, C, order=0)
    one = bodies_response(a_room(), bodies[:1], SPEAKER, listener, GRID, C, order=0)
    two = bodies_response(a_room(), bodies[1:], SPEAKER, listener, GRID, C, order=0)
    inside = (GRID.frequencies_hz > 2000.0) & (GRID.frequencies_hz < 7000.0)
    taken = [np.linalg.norm(s[0, 0, inside]) for s in (one, both, one + two)]
    assert taken[1] < 1.35 * taken[0]  # of the direct sound, at most all of it
    assert taken[2] > 1.6 * taken[0]  # the sum takes it twice


def strip(depth: float) -> float:
    """Field behind the middle of a strip, `depth` Fresnel units from either edge."""
    sine, cosine = fresnel(depth)
    return float(abs(2 * 0.5 * (1 + 1j) * ((0.5 - cosine) - 1j * (0.5 - sine))))


@pytest.mark.parametrize(("near", "far"), [(1.5, 2.0), (1.5, 3.0), (2.5, 4.0)])
def test_a_shadow_is_that_of_a_strip_of_the_same_width(near: float, far: float) -> None:
    room = a_room()
    front = column(0.0, near, height=4.0).moved(room.rotation, room.translation)
    place = room.place(np.array([[0.0, 0.0, far], [0.6, 0.0, far]]))
    target = Surface(place, np.tile([0.0, -1.0, 0.0], (2, 1)), np.full(2, 1e-4))
    source = room.place(np.zeros(3))
    light = passed(target, [front], source, 0.015, WAVELENGTH_M)
    before = near - 0.2  # its silhouette's plane lies between front and middle
    wide = np.sqrt(2.0 / WAVELENGTH_M * (1.0 / before + 1.0 / (far - before)))
    assert light[0] == pytest.approx(strip(0.2 * wide), rel=0.25)
    assert light[1] == 1.0


def test_the_sum_of_parts_of_a_body_is_not_shaded_by_itself() -> None:
    """A body's own parts hide one another by geometry alone, in `visibility`."""
    body = join([column(-0.3, 2.0), column(0.3, 2.0)])
    assert len(body.points) == 2 * len(column(0.0, 2.0).points)
    np.testing.assert_array_equal(
        together([body]), body_response(a_room(), body, SPEAKER, MIC, GRID, C, order=1)
    )


def test_paths_from_body_to_body_are_fainter_than_echoes_and_later() -> None:
    """As loud as the calculation says: sqrt(s1 s2) / (4 pi r1 d r2) each way."""
    left, right = column(-0.5, 2.0, height=0.5), column(0.5, 2.0, height=0.5)
    direct = together([left, right])
    added = np.stack(
        [together([left, right], rng=np.random.default_rng(seed)) - direct for seed in range(20)]
    )
    response = np.fft.irfft(added[:, 0], GRID.period_samples)
    energy = float((response**2).sum(axis=-1).mean())
    # Two ordered pairs of one impulse each of this amplitude in 2-7.5 kHz of 8 kHz.
    sigma = 2 * np.pi * 0.2 * 0.5 / 4.0
    amplitude = sigma / (4 * np.pi) / (1.9**2 * 0.75)
    expected = 2 * amplitude**2 * np.sum(GRID.band_gain**2) / len(GRID.band_gain)
    assert 10 * np.log10(energy / expected) == pytest.approx(0.0, abs=2.5)
    onset = 2 * 1.9 / C * GRID.sample_rate_hz
    assert np.abs(response[..., : int(onset)]).max() < 0.1 * np.abs(response).max()
    same = together([left, right], rng=np.random.default_rng(3)) - direct
    np.testing.assert_array_equal(same, added[3])
