"""The gather: reflectors stand where the sound says, kernels equal their slow versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.errors import ConfigError
from edge.sound.arrivals import gather_points, gather_points_coherent
from edge.sound.gather import ZERO_POINT
from edge.sound.pose_kernel import make_kernels
from edge.sound.volume import Grid, Volume
from tests.support import reference
from tests.support.signal_scene import BAND, RATE, WINDOW, db, echo, ring, spread

GRID = Grid((-0.8, 0.8), (-0.6, 0.6), (1.2, 3.2), 0.05)
REFLECTORS = [(0.0, 0.0, 2.0), (0.41, -0.23, 1.63), (-0.58, 0.37, 2.87)]


def envelope_volume(rig, point):
    volume = Volume(rig, GRID, RATE, WINDOW)
    return volume.gather(volume.pool(make_kernels(echo(rig, point), RATE, BAND).envelope))


@pytest.mark.parametrize("point", REFLECTORS)
def test_reflector_lies_on_the_strongest_shell_of_a_compact_array(point):
    rig = ring()
    strength = envelope_volume(rig, point).mean(axis=0)
    range_of = 0.5 * rig.speed_of_sound_m_s * rig.arrival_s(GRID.centres).mean(axis=0)
    true = 0.5 * rig.speed_of_sound_m_s * float(rig.arrival_s(point).mean())
    shells = np.round((range_of - range_of.min()) / 0.01).astype(int)
    mean = np.bincount(shells.ravel(), strength.ravel()) / np.maximum(
        np.bincount(shells.ravel()), 1
    )
    assert abs(range_of.min() + 0.01 * mean.argmax() - true) <= GRID.step_m / 2


@pytest.mark.parametrize("point", REFLECTORS)
def test_reflector_is_the_strongest_voxel_or_its_neighbour_with_spread_pairs(point):
    strength = envelope_volume(spread(), point).mean(axis=0)
    found = np.array(np.unravel_index(strength.argmax(), strength.shape))
    own = np.array(
        [(p - lo) // GRID.step_m for p, lo in zip(point[::-1], (1.2, -0.6, -0.8), strict=True)]
    )
    assert np.abs(found - own).max() <= 1


@pytest.mark.parametrize("bearing_deg", [-25.0, 0.0, 8.0, 30.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_phase_keeping_sum_finds_the_bearing(bearing_deg, axis):
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


def test_phase_keeping_volume_is_strongest_at_range_and_bearing():
    rig, point = ring(), np.array([0.6, 0.0, 2.4])
    volume = Volume(rig, GRID, RATE, WINDOW)
    strength = volume.gather_coherent(echo(rig, point))
    assert strength.shape == GRID.shape
    assert strength.max() < 6.0
    best = GRID.centres[np.unravel_index(strength.argmax(), strength.shape)]
    assert np.linalg.norm(best) == pytest.approx(np.linalg.norm(point), abs=0.05)
    assert np.degrees(np.arccos(best @ point / np.linalg.norm(best) / np.linalg.norm(point))) < 6.0
    opposite = strength[:, :, :5][GRID.centres[:, :, :5, 2] > 2.2].max()
    assert opposite < 0.5 * strength.max()


def beyond_the_window(rate):
    """A volume of which the farthest voxels are heard behind the window, and its times of arrival
    (6, V) in samples.
    """
    grid = Grid((-0.3, 0.3), (-0.3, 0.3), (0.0, 8.0), 0.2)
    volume = Volume(ring(), grid, rate, round(0.04 * rate))
    return volume, ring().arrival_s(grid.centres.reshape(-1, 3)) * rate


@pytest.mark.parametrize("rate", [RATE, 16_000.0])
def test_gather_equals_reference_at_the_nearest_sixteenth_of_a_sample(rate):
    volume, position = beyond_the_window(rate)
    window = volume.window_samples
    envelope = np.random.default_rng(0).random((6, window), np.float32)
    found = volume.gather(envelope)
    assert found.dtype == np.float32
    assert (position > window).any()
    # White noise, of which every step of a sample is as large as can be. Twice rounded: to the
    # table, then to the finer row.
    best = np.full((6, position.shape[1]), np.inf)
    for off in np.linspace(-1 / 21, 1 / 21, 41):
        off_by = np.abs(
            found.reshape(6, -1) - reference.gather(envelope, np.clip(position + off, 0.0, None))
        )
        best = np.minimum(best, off_by)
    assert best.max() < 3e-3
    out = np.full_like(found, -1.0)
    assert volume.gather(envelope, out) is out
    np.testing.assert_array_equal(out, found)


def test_gather_of_a_pulse_equals_reference():
    volume = Volume(ring(), GRID, RATE, WINDOW)
    pooled = volume.pool(make_kernels(echo(ring(), REFLECTORS[1]), RATE, BAND).envelope)
    position = ring().arrival_s(GRID.centres.reshape(-1, 3)) * RATE
    off_by = np.abs(volume.gather(pooled).reshape(6, -1) - reference.gather(pooled, position))
    assert db(off_by.max() / pooled.max()) < -45.0
    assert db(np.sqrt(np.mean(off_by**2)) / pooled.max()) < -60.0


@pytest.mark.parametrize("rate", [RATE, 16_000.0])
def test_the_volume_in_8_bits_is_the_float_one_within_a_code(rate):
    volume, position = beyond_the_window(rate)
    window = volume.window_samples
    envelope = 3e-4 * np.random.default_rng(0).random((6, window), np.float32)
    found = volume.gather_int8(envelope)
    assert found.codes.dtype == np.int8
    assert found.scale * 255.0 == pytest.approx(envelope.max(), rel=1e-6)
    assert found.codes.min() == ZERO_POINT
    assert found.codes.max() > 110  # the largest sample lies between voxels
    steps = min(2.0 ** np.floor(np.log2(65535 / window)), 64.0)
    exact = reference.gather(envelope, np.round(position * steps) / steps)
    assert np.abs(found.values.reshape(6, -1) - exact).max() < 1.001 * found.scale
    assert (found.codes.reshape(6, -1)[position >= window] == ZERO_POINT).all()
    out = np.zeros_like(found.codes)
    out.flags.writeable = False
    with pytest.raises(ConfigError, match="writeable int8 array"):
        volume.gather_int8(envelope, out)
    out.flags.writeable = True
    assert volume.gather_int8(envelope, out).codes is out
    np.testing.assert_array_equal(out, found.codes)


def test_what_is_loud_outside_the_grid_does_not_coarsen_the_8_bits():
    volume = Volume(ring(), Grid((-0.3, 0.3), (-0.3, 0.3), (1.0, 2.0), 0.1), RATE, WINDOW)
    envelope = np.full((6, WINDOW), 100.0, np.float32)
    inside = slice(
        int(volume._code.min()) >> volume._bits, (int(volume._code.max()) >> volume._bits) + 2
    )
    envelope[:, inside] = np.random.default_rng(0).random(
        (6, inside.stop - inside.start), np.float32
    )
    found = volume.gather_int8(envelope)
    assert found.scale <= 1.0 / 255.0
    assert (
        np.abs(found.values - volume.gather(envelope)).max() < 0.05
    )  # the float one reads at coarser steps


def test_silence_in_8_bits_is_silence_and_what_is_not_finite_is_refused():
    volume = Volume(ring(), GRID, RATE, WINDOW)
    silent = np.zeros((6, WINDOW), np.float32)
    assert (volume.gather_int8(silent).codes == ZERO_POINT).all()
    for bad in (np.nan, np.inf):
        silent[3] = bad
        with pytest.raises(ConfigError, match="not finite"):
            volume.gather_int8(silent)


@pytest.mark.parametrize("window", [1, 5_000, 65_535])
def test_gather_fits_any_window(window):
    volume = Volume(ring(), Grid((-0.1, 0.1), (-0.1, 0.1), (0.1, 6.1), 0.2), RATE, window)
    ramp = np.arange(6 * window, dtype=np.float32).reshape(6, window)
    position = ring().arrival_s(volume.grid.centres.reshape(-1, 3)) * RATE
    inside = position < window - 1
    found = volume.gather(ramp).reshape(6, -1)
    np.testing.assert_allclose(found[inside], reference.gather(ramp, position)[inside], atol=0.6)
    assert not found[position >= window].any()
    codes = volume.gather_int8(ramp)
    np.testing.assert_allclose(
        codes.values.reshape(6, -1)[inside], found[inside], atol=1.001 * codes.scale + 0.6
    )
    assert not codes.values.reshape(6, -1)[position >= window].any()


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


def test_heatmaps_equal_reference_and_skip_unknown_keypoints():
    rig = ring()
    volume = Volume(rig, GRID, RATE, WINDOW)
    keypoints = np.array(
        [[320.0, 240.0, 1.0], [100.0, 300.0, 0.5], [np.nan, np.nan, 0.9], [50.0, 50.0, 0.0]]
    )
    found = volume.heatmaps(keypoints, 12.0)
    assert found.shape == (4, *GRID.shape)
    pixels = rig.camera.project(GRID.centres.reshape(-1, 3))
    for j in (0, 1):
        np.testing.assert_allclose(
            found[j].ravel(), reference.heatmap(pixels, *keypoints[j], 12.0), atol=1e-3
        )
    assert 0.8 < found[0].max() <= 1.0
    assert not found[2:].any()


def test_what_does_not_fit_is_refused():
    volume = Volume(ring(), Grid((-0.1, 0.1), (-0.1, 0.1), (1.0, 1.2), 0.1), RATE, WINDOW)
    with pytest.raises(ConfigError, match="kernels have shape"):
        volume.gather(np.zeros((6, 7), np.float32))
    with pytest.raises(ConfigError, match="out is"):
        volume.gather(np.zeros((6, WINDOW), np.float32), np.zeros(3, np.float32))
    with pytest.raises(ConfigError, match="a contiguous, writeable int8 array of shape"):
        volume.gather_int8(np.zeros((6, WINDOW), np.float32), np.zeros(3, np.int8))
    with pytest.raises(ConfigError, match="response window"):
        Volume(ring(), volume.grid, RATE, 70_000)
    with pytest.raises(ConfigError, match="times of arrival"):
        gather_points(np.zeros((6, 7), np.float32), np.zeros((2, 3)), RATE)
    with pytest.raises(ConfigError, match="keypoints"):
        volume.heatmaps(np.zeros((3, 2)), 1.0)
    for bad in ({"step_m": 0.0}, {"z_m": (-1.0, 2.0)}, {"x_m": (1.0, -1.0)}):
        with pytest.raises(ConfigError, match="grid"):
            Grid(
                **({"x_m": (-1.0, 1.0), "y_m": (-1.0, 1.0), "z_m": (1.0, 2.0), "step_m": 0.1} | bad)
            )
