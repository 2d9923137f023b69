"""The excitation: flat, in its band, quiet enough, low crest factor, exactly periodic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.errors import ConfigError
from edge.sound.excitation import make_excitation, speaker_signals
from tests.support import reference
from tests.support.scenes.signals import db

PROFILES = [
    (16_000, (2_000.0, 7_500.0), 0.1),
    (48_000, (2_000.0, 7_500.0), 0.1),
    (48_000, (2_000.0, 22_000.0), 0.05),
    (44_100, (17_000.0, 22_000.0), 0.0501),
    (96_000, (2_000.0, 32_000.0), 0.1),
]


@pytest.mark.parametrize(("rate", "band", "period"), PROFILES)
def test_spectrum_is_flat_inside_and_empty_outside_the_band(rate, band, period):
    x = make_excitation(rate, band, period, -12.0)
    assert x.samples.shape == (round(rate * period),)
    magnitude = np.abs(np.fft.rfft(x.samples.astype(float)))
    window = np.sqrt(reference.band_window(np.fft.rfftfreq(len(x.samples), 1 / rate), band))
    magnitude /= magnitude[window == 1.0].mean()
    assert db(np.abs(magnitude - window).max()) < -90.0
    np.testing.assert_allclose(x.spectrum, np.fft.rfft(x.samples.astype(float)), atol=1e-3)


@pytest.mark.parametrize(("rate", "band", "period"), PROFILES)
def test_crest_factor_is_near_that_of_a_sine(rate, band, period):
    assert make_excitation(rate, band, period, -12.0).crest_factor < 1.9


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([16_000, 44_100, 48_000, 96_000]),
    st.floats(500.0, 5_000.0),
    st.floats(1_000.0, 2_900.0),
    st.floats(0.02, 0.2),
    st.floats(-40.0, -6.0),
)
def test_level_is_the_peak_for_any_profile(rate, low, width, period, level):
    x = make_excitation(rate, (low, low + width), period, level)
    assert np.abs(x.samples).max() == pytest.approx(10 ** (level / 20), rel=1e-5)
    assert x.crest_factor < 2.5


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"level_dbfs": -5.9}, "level_dbfs"),
        ({"level_dbfs": float("nan")}, "level_dbfs"),
        ({"sample_rate_hz": 192_000}, "sample_rate_hz"),
        ({"band_hz": (7_500.0, 2_000.0)}, "band_hz"),
        ({"band_hz": (2_000.0, 25_000.0)}, "band_hz"),
        ({"band_hz": (2_000.0, 2_050.0)}, "spectral lines"),
        ({"period_s": 0.0}, "period_s"),
    ],
)
def test_what_cannot_be_played_is_refused(change, word):
    good = {
        "sample_rate_hz": 48_000,
        "band_hz": (2_000.0, 7_500.0),
        "period_s": 0.1,
        "level_dbfs": -12.0,
    }
    with pytest.raises(ConfigError, match=word):
        make_excitation(**(good | change))


def test_speakers_play_shifted_copies():
    x = make_excitation(48_000, (2_000.0, 7_500.0), 0.1, -12.0)
    signals = speaker_signals(x, 3)
    assert signals.shape == (3, 4800)
    assert signals.dtype == np.float32
    for s in range(3):
        np.testing.assert_array_equal(np.roll(signals[s], -s * 1600), x.samples)
    with pytest.raises(ConfigError, match="at least one"):
        speaker_signals(x, 0)
