"""The noise of a silent room, against noise of known power."""

import numpy as np
import pytest

from edge.sound.ambient import AmbientNoise, third_octaves
from edge.sound.loudness import a_weighting_db

RATE, N = 16_000, 1600
SENSITIVITY_DBFS = -26.0


def heard(make, periods: int, sensitivity: float | None = SENSITIVITY_DBFS) -> AmbientNoise:
    ambient = AmbientNoise(4, N, RATE, sensitivity)
    for k in range(periods):
        ambient(make(k).astype(np.float32))
    return ambient


def test_nothing_is_said_before_half_a_second():
    ambient = heard(lambda k: np.zeros((4, N)), 4)
    assert ambient.power() is None
    assert ambient.dba() is None
    assert ambient.bands_db() is None


def test_power_is_that_of_a_periods_transform():
    rng = np.random.default_rng(1)
    ambient = heard(lambda k: 1e-3 * rng.standard_normal((4, N)), 200)
    power = ambient.power()
    assert power is not None
    assert power.shape == (4, N // 2 + 1)
    assert power[:, 20:780].mean() == pytest.approx(N * 1e-6, rel=0.02)
    assert power[:, 20:780].std() < 0.2 * N * 1e-6


def test_a_tone_of_known_pressure_reads_its_level():
    """94 dB SPL peaks at -26 dBFS, so 60 dB SPL at -60 dBFS."""
    for frequency, band in ((1000.0, 1000.0), (4000.0, 3981.0), (100.0, 100.0)):
        phase = 2 * np.pi * frequency / RATE
        ambient = heard(
            lambda k, w=phase: np.tile(1e-3 * np.sin(w * (np.arange(N) + k * N)), (4, 1)), 20
        )
        assert ambient.dba() == pytest.approx(60.0 + a_weighting_db(frequency), abs=0.3)
        bands = ambient.bands_db()
        assert bands is not None
        centre = np.sqrt(ambient.bands_hz.prod(axis=1))
        loudest = int(np.argmax(bands))
        assert centre[loudest] == pytest.approx(band, rel=0.01)
        if frequency >= 1000.0:  # a band of several bins
            assert bands[loudest] == pytest.approx(60.0, abs=0.3)


def test_the_level_follows_in_ten_seconds_and_hum_does_not_leak():
    rng = np.random.default_rng(2)
    ambient = heard(lambda k: 1e-4 * rng.standard_normal((4, N)), 300)
    quiet = ambient.dba()
    for _ in range(300):
        ambient((1e-3 * rng.standard_normal((4, N))).astype(np.float32))
    louder = ambient.dba()
    assert quiet is not None
    assert louder is not None
    assert louder - quiet == pytest.approx(20.0, abs=0.5)
    hum = heard(
        lambda k: (
            np.tile(0.03 * np.sin(2 * np.pi * 53.0 / RATE * (np.arange(N) + k * N)), (4, 1))
            + 1e-4 * np.random.default_rng(k).standard_normal((4, N))
        ),
        100,
    )
    clean = heard(lambda k: 1e-4 * np.random.default_rng(k).standard_normal((4, N)), 100)
    a, b = hum.bands_db(), clean.bands_db()
    assert a is not None
    assert b is not None
    assert np.abs(a - b)[ambient.bands_hz[:, 0] > 1000].max() < 0.2


def test_without_a_sensitivity_there_are_only_digital_levels():
    """A tone that peaks at -60 dBFS."""
    tone = 1e-3 * np.sin(2 * np.pi * 0.0625 * np.arange(N))
    ambient = heard(lambda k: np.tile(tone, (4, 1)), 10, None)
    assert ambient.dba() is None
    bands = ambient.bands_db()
    assert bands is not None
    assert bands.max() == pytest.approx(-60.0, abs=0.3)


def test_third_octaves_are_those_of_the_standard():
    bands = third_octaves(16_000)
    assert np.sqrt(bands[0].prod()) == pytest.approx(50.1, abs=0.1)
    assert bands[-1, 1] <= 8000.0
    np.testing.assert_allclose(bands[1:, 0], bands[:-1, 1])
