"""Physical optics against the exact scattering of sound by a rigid sphere."""

import numpy as np
import pytest
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from export.acoustics.physical_optics import PeriodGrid, deposit_arrivals, free_field_response
from export.acoustics.surface import MeshSampler, Surface
from tests.support.reference import icosphere

pytestmark = pytest.mark.export

C = 343.2


def sphere(radius, centre, spacing):
    """A Fibonacci lattice: patches of equal area, nowhere in rows."""
    count = int(4 * np.pi * radius**2 / spacing**2)
    i = np.arange(count) + 0.5
    z, azimuth = 1 - 2 * i / count, np.pi * (1 + 5**0.5) * i
    rho = np.sqrt(1 - z**2)
    n = np.stack([rho * np.cos(azimuth), rho * np.sin(azimuth), z], 1)
    return Surface(centre + radius * n, n, np.full(count, 4 * np.pi * radius**2 / count))


def exact_sphere(radius, centre, source, mic, frequency):
    """Pressure (F,) scattered by a rigid sphere from a point source of exp(ikr)/r."""
    s, m = source - centre, mic - centre
    rs, rm = np.linalg.norm(s), np.linalg.norm(m)
    cosine = s @ m / rs / rm
    out = np.zeros(len(frequency), complex)
    for q, f in enumerate(frequency):
        k = 2 * np.pi * f / C
        n = np.arange(int(k * radius + 12))

        def h(x, derivative=False, n=n):
            return spherical_jn(n, x, derivative) + 1j * spherical_yn(n, x, derivative)

        a = spherical_jn(n, k * radius, True) / h(k * radius, True)
        out[q] = (
            -1j * k * np.sum((2 * n + 1) * a * h(k * rs) * h(k * rm) * eval_legendre(n, cosine))
        )
    return out


@pytest.mark.parametrize("radius", [0.1, 0.15])
def test_sphere_echo_agrees_with_the_exact_series_above_4_khz(radius):
    grid = PeriodGrid(48000, 4800, (2000.0, 16000.0))
    centre, source = np.array([0.2, -0.1, 2.0]), np.array([0.1, 0.0, 0.0])
    mics = np.array([[-0.03, 0.03, 0.0], [0.04, 0.05, 0.01]])
    surface = sphere(radius, centre, grid.patch_spacing_m(C))
    got = free_field_response(surface, source, mics, grid, C)
    f = grid.frequencies_hz
    chosen = np.nonzero((f >= 4000) & (f <= 16000))[0][::10]
    for m, mic in enumerate(mics):
        ratio = np.conj(got[m, chosen]) / exact_sphere(radius, centre, source, mic, f[chosen])
        assert np.abs(20 * np.log10(np.abs(ratio))).max() < 1.0
        assert np.abs(np.degrees(np.angle(ratio))).max() < 10.0


def test_a_mesh_scatters_like_the_sphere_it_approximates():
    grid = PeriodGrid(48000, 4800, (2000.0, 16000.0))
    centre = np.array([0.2, -0.1, 2.0])
    source = np.array([0.1, 0.0, 0.0])
    mic = np.array([[0.04, 0.05, 0.01]])
    vertices, faces = icosphere(0.15, 5)
    mesh = MeshSampler(
        vertices + centre, faces, grid.patch_spacing_m(C), np.random.default_rng(0)
    ).surface(vertices + centre)
    lattice = sphere(0.15, centre, grid.patch_spacing_m(C))
    got, expected = (free_field_response(s, source, mic, grid, C) for s in (mesh, lattice))
    assert np.sum(np.abs(got - expected) ** 2) < 0.02 * np.sum(np.abs(expected) ** 2)


def test_shadow_behind_a_sphere_takes_away_the_direct_sound():
    grid = PeriodGrid(48000, 4800, (2000.0, 12000.0))
    source, centre, mic = np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.05, 1.3])
    got = free_field_response(
        sphere(0.15, centre, grid.patch_spacing_m(C)), source, mic[None], grid, C, echo_gain=0.0
    )[0]
    chosen = np.nonzero((grid.frequencies_hz > 6000) & (grid.frequencies_hz < 12000))[0][::10]
    f, path = grid.frequencies_hz[chosen], np.linalg.norm(mic - source)
    direct = np.exp(2j * np.pi * f * path / C) / path
    # Off the axis, where no bright spot is, the exact total field is far below the direct sound,
    # and so must ours be.
    exact = 1 + exact_sphere(0.15, centre, source, mic, f) / direct
    total = 1 + np.conj(got[chosen]) / direct
    assert np.sqrt(np.mean(np.abs(exact) ** 2)) < 0.5
    assert np.sqrt(np.mean(np.abs(total) ** 2)) < 0.5


def test_a_flat_plate_echoes_like_its_image_source():
    grid = PeriodGrid(16000, 1600, (2000.0, 7000.0))
    d = grid.patch_spacing_m(C)
    side = np.arange(-1.5, 1.5, d)
    x, y = (a.ravel() for a in np.meshgrid(side, side))
    plate = Surface(
        np.stack([x, y, 0 * x + 1], 1),
        np.tile([0.0, 0.0, -1.0], (len(x), 1)),
        np.full(len(x), d * d),
    )
    got = free_field_response(plate, np.zeros(3), np.array([[0.05, 0.0, 0.0]]), grid, C)
    h = grid.response(got)[0]
    peak = np.argmax(np.abs(h))
    path = np.hypot(2.0, 0.05)
    assert abs(peak / grid.sample_rate_hz - path / C) < 1 / grid.sample_rate_hz
    expected = grid.response(
        np.exp(-2j * np.pi * grid.frequencies_hz * path / C) / path * grid.band_gain
    )
    early = slice(peak - 20, peak + 5)
    assert np.abs(h[early] - expected[early]).max() < 0.06 * np.abs(expected).max()


def test_an_impulse_keeps_its_delay_and_level():
    grid = PeriodGrid(16000, 1600, (2000.0, 7500.0))
    buffer = grid.buffer(1)
    path = 3.2177
    deposit_arrivals(np.array([[path]]), np.array([0.25]), grid.deposit_rate_hz / C, buffer)
    got = grid.impulse_spectrum(buffer)[0]
    band = (grid.frequencies_hz > 2000) & (grid.frequencies_hz < 7500)
    expected = 0.25 * np.exp(-2j * np.pi * grid.frequencies_hz * path / C)
    assert np.abs(got[band] - expected[band]).max() < 0.01 * 0.25


def test_arrivals_beyond_the_period_wrap_around():
    grid = PeriodGrid(16000, 160, (2000.0, 7500.0))
    spectra = []
    for path in (1.0, 1.0 + C * 0.01):
        buffer = grid.buffer(1)
        deposit_arrivals(np.array([[path]]), np.array([1.0]), grid.deposit_rate_hz / C, buffer)
        spectra.append(grid.impulse_spectrum(buffer))
    assert np.abs(spectra[0] - spectra[1]).max() < 1e-3
