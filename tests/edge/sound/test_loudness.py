"""A weighting against the standard's table, and dB(A) at 1 m against levels worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest

from edge.sound.excitation import Excitation, make_excitation
from edge.sound.loudness import NOMINAL, Loudness, a_weighting_db, level_dbfs, spl_db

RATE = 16_000


@pytest.mark.parametrize(
    ("frequency_hz", "db"),
    [(31.5, -39.4), (100, -19.1), (500, -3.2), (1000, 0.0), (2000, 1.2), (4000, 1.0), (8000, -1.1)],
)
def test_weighting_is_that_of_the_standards_table(frequency_hz, db):
    nominal = 1000.0 * 10.0 ** (round(10 * math.log10(frequency_hz / 1000)) / 10)
    assert a_weighting_db(nominal) == pytest.approx(db, abs=0.06)
    assert a_weighting_db(0.0) == -math.inf


def sine(frequency_hz: float, peak: float, samples: int = 1600) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * frequency_hz * np.arange(samples) / RATE)).astype(np.float32)


def test_a_full_scale_sine_has_0_dbfs_and_silence_behind_it_does_not_count():
    assert level_dbfs(sine(1000, 1.0), RATE) == pytest.approx(0.0, abs=0.01)
    assert level_dbfs(sine(4000, 0.1), RATE) == pytest.approx(-20.0 + 0.96, abs=0.01)
    assert level_dbfs(sine(4000, 0.1), RATE, weighted=False) == pytest.approx(-20.0, abs=0.01)
    burst = np.concatenate([sine(1000, 0.1), np.zeros(3200, np.float32)])
    assert level_dbfs(burst, RATE) == pytest.approx(-20.0, abs=0.05)
    assert level_dbfs(np.zeros(1600, np.float32), RATE) == -math.inf


def test_a_data_sheets_sensitivity_tells_the_sound_pressure():
    """-26 dBFS at 94 dB SPL: full scale is 120 dB SPL."""
    assert spl_db(0.0, -26.0) == 120.0
    assert spl_db(-61.0, -26.0) == 59.0


def test_the_excitations_level_follows_gain_and_weighting():
    x = make_excitation(RATE, (2000.0, 7500.0), 0.1, -20.0)
    rms_dbfs = 20 * math.log10(float(np.sqrt(np.mean(x.samples.astype(float) ** 2)))) + 3.01
    loudness = Loudness(88.0, 2.0)
    assert loudness.spl(x) == pytest.approx(88.0 + rms_dbfs, abs=0.01)
    # The weighting lies between +1.2 dB at 2 kHz and -0.8 dB at 7.5 kHz.
    assert 0.3 < loudness.dba(x) - loudness.spl(x) < 1.2
    assert loudness.dba(x, 0.1) == pytest.approx(loudness.dba(x) - 20.0, abs=1e-9)
    assert loudness.dba(x, 0.0) == -math.inf


def test_a_burst_is_as_loud_as_the_continuous_form_of_the_same_samples():
    x = make_excitation(RATE, (2000.0, 7500.0), 0.1, -20.0)
    padded = np.concatenate([x.samples, np.zeros_like(x.samples)])
    spectrum = np.fft.rfft(padded).astype(np.complex64)
    burst = Excitation(RATE, x.band_hz, padded, spectrum)
    assert NOMINAL.dba(burst) == pytest.approx(NOMINAL.dba(x), abs=0.1)
    assert dataclasses.replace(NOMINAL, source="phone").dba(x) == NOMINAL.dba(x)
