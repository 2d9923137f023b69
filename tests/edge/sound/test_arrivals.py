"""Kernels at times of arrival: reflectors stand where the sound says, loops equal slow versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.errors import ConfigError
from edge.sound.arrivals import gather_points, gather_points_coherent
from edge.sound.pose_kernel import make_kernels, pool
from tests.support import reference
from tests.support.scenes.signals import BAND, RATE, db, echo, ring, spread

STEP = 0.05
VOXELS = np.stack(
    np.meshgrid(
        np.arange(-0.775, 0.8, STEP), np.arange(-0.575, 0.6, STEP), np.arange(1.225, 3.2, STEP)
    ),
    axis=-1,
).reshape(-1, 3)
REFLECTORS = [(0.0, 0.0, 2.0), (0.41, -0.23, 1.63), (-0.58, 0.37, 2.87)]


def strength_at_voxels(rig, point):
    """Mean over the pairs of the envelope of one echo at each voxel's time of arrival (V,)."""
    envelope = make_kernels(echo(rig, point), RATE, BAND).envelope
    pooled = pool(envelope, RATE, STEP / 2, rig.speed_of_sound_m_s)
    return gather_points(pooled, rig.arrival_s(VOXELS), RATE).mean(axis=0)


@pytest.mark.parametrize("point", REFLECTORS)
def test_reflector_lies_on_the_strongest_shell_of_a_compact_array(point):
    rig = ring()
    strength = strength_at_voxels(rig, point)
    range_of = 0.5 * rig.speed_of_sound_m_s * rig.arrival_s(VOXELS).mean(axis=0)
    true = 0.5 * rig.speed_of_sound_m_s * float(rig.arrival_s(point).mean())
    shells = np.round((range_of - range_of.min()) / 0.01).astype(int)
    mean = np.bincount(shells.ravel(), strength.ravel()) / np.maximum(
        np.bincount(shells.ravel()), 1
    )
    assert abs(range_of.min() + 0.01 * mean.argmax() - true) <= STEP / 2


@pytest.mark.parametrize("point", REFLECTORS)
def test_reflector_is_the_strongest_voxel_or_its_neighbour_with_spread_pairs(point):
    found = VOXELS[strength_at_voxels(spread(), point).argmax()]
    own = VOXELS[np.abs(VOXELS - point).max(axis=1).argmin()]
    assert np.abs(found - own).max() <= 1.01 * STEP


@pytest.mark.parametrize("bearing_deg", [-25.0, 0.0, 8.0, 30.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_coherent_sum_finds_the_bearing(bearing_deg, axis):
    """With noise 9 dB below the peak of the pulse in each microphone; median of nine tries."""
    rig, rng = ring(), np.random.default_rng(3)
    angles = np.radians(np.linspace(-45, 45, 361))

    def place(angle):
        point = np.zeros((*np.shape(angle), 3))
        point[..., axis], point[..., 2] = 2.5 * np.sin(angle), 2.5 * np.cos(angle)
        return point

    errors = []
    for _ in range(9):
        h = echo(rig, place(np.radians(bearing_deg)))
        noise = echo_noise(rng, h.shape)
        k = h + noise * 0.35
        power = np.zeros(len(angles))
        for shift in np.linspace(-1e-4, 1e-4, 9):
            power += (
                np.abs(gather_points_coherent(k, rig.arrival_s(place(angles)) + shift, RATE)) ** 2
            )
        errors.append(abs(np.degrees(angles[power.argmax()]) - bearing_deg))
    assert np.median(errors) < 3.0


def echo_noise(rng, shape):
    """Band-limited complex noise (P, T) of unit root mean square."""
    spectrum = np.zeros((shape[0], 4_800), complex)
    bins = slice(200, 750)
    spectrum[:, bins] = rng.standard_normal((shape[0], 550)) + 1j * rng.standard_normal(
        (shape[0], 550)
    )
    noise = np.fft.ifft(spectrum)[:, : shape[1]]
    return (noise / np.sqrt(np.mean(np.abs(noise) ** 2))).astype(np.complex64)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.2), min_size=1, max_size=20), st.sampled_from([16_000.0, 48_000.0])
)
def test_points_equal_reference(fractions, rate):
    envelope = np.random.default_rng(1).random((2, 80), np.float32)
    arrival = np.tile(np.array(fractions) * 80 / rate, (2, 1))
    np.testing.assert_allclose(
        gather_points(envelope, arrival, rate),
        reference.gather(envelope, arrival * rate),
        atol=1e-4,
    )


@pytest.mark.parametrize("fraction_of_rate", [0.04, 0.15, 0.3, 0.47])
def test_coherent_points_interpolate_tones_of_any_band(fraction_of_rate):
    t = np.random.default_rng(2).uniform(20, 180, 200)
    rows = np.exp(2j * np.pi * fraction_of_rate * np.arange(200))[None].astype(np.complex64)
    found = gather_points_coherent(rows, t[None] / RATE, RATE)
    assert db(np.abs(found - np.exp(2j * np.pi * fraction_of_rate * t)).max()) < -70.0


def test_coherent_points_are_zero_outside_the_window():
    h = np.ones((1, 50), np.complex64)
    np.testing.assert_array_equal(
        gather_points_coherent(h, np.array([[-0.1, 1.0, np.nan, 49.5]]), 1000.0), 0.0
    )


def test_arrivals_of_other_pairs_are_refused():
    with pytest.raises(ConfigError, match="times of arrival"):
        gather_points(np.zeros((6, 7), np.float32), np.zeros((2, 3)), RATE)
