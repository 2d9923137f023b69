"""Deconvolution: a known impulse response comes back, whatever delay and response."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.errors import ConfigError
from edge.core.rig import Rig
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import make_excitation, speaker_signals
from tests.support import reference
from tests.support.scenes.signals import BAND, CAMERA, PERIOD, RATE, WINDOW, C, db, ring

EXCITATION = make_excitation(RATE, BAND, PERIOD / RATE, -12.0)
DECIMATION = 3  # 2-7.5 kHz fit into 16 kHz
DELAYS = [[14.3, 300.7, 321.25, 900.0 + m] for m in range(6)]
GAINS = [[8.0, -1.0, 0.5, 0.1] for _ in range(6)]


def true_response(
    delays=DELAYS,
    gains=GAINS,
    rate=RATE,
    period=PERIOD,
    window=WINDOW,
    band=BAND,
    decimation=DECIMATION,
):
    return np.array(
        [
            sum(
                g * reference.pulse(d, period, rate, band)[:window]
                for d, g in zip(delay, gain, strict=True)
            )
            for delay, gain in zip(delays, gains, strict=True)
        ]
    )[:, ::decimation]


def error_db(found, true):
    return db(np.linalg.norm(found - true) / np.linalg.norm(true))


def recording():
    return reference.record(EXCITATION.samples, DELAYS, GAINS).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "band", "period"),
    [
        (48_000, BAND, 0.1),
        (16_000, BAND, 0.1),
        (96_000, (2_000.0, 32_000.0), 0.05),
        (96_000, (1_000.0, 3_000.0), 0.05),
        (44_100, (17_000.0, 22_000.0), 0.05),
    ],
)
def test_known_impulse_response_comes_back(rate, band, period):
    excitation = make_excitation(rate, band, period, -12.0)
    deconvolve = Deconvolver(excitation, ring(), 0.03)
    delays = [[0.4e-3 * rate, 6.27e-3 * rate + m, 20e-3 * rate] for m in range(6)]
    gains = [[8.0, -1.0, 0.1]] * 6
    found = deconvolve(reference.record(excitation.samples, delays, gains).astype(np.float32))
    decimation = round(rate / deconvolve.sample_rate_hz)
    window = decimation * deconvolve.window_samples
    true = true_response(delays, gains, rate, excitation.period_samples, window, band, decimation)
    assert found.dtype == np.complex64
    assert error_db(found, true) < -75.0


def test_equals_reference():
    rig = ring()
    y = recording() + np.random.default_rng(0).normal(0, 0.1, (6, PERIOD)).astype(np.float32)
    slow = reference.deconvolve(y, EXCITATION.samples, BAND, RATE, WINDOW, rig.pairs[:, 1], [0] * 6)
    assert error_db(Deconvolver(EXCITATION, rig)(y), slow[:, ::DECIMATION]) < -100.0


@pytest.mark.parametrize(
    ("rate", "band", "period", "speakers", "given"),
    [
        (48_000, BAND, 0.1, 1, 16_000),
        (48_000, (2_000.0, 8_000.0), 0.1, 1, 24_000),  # 16 kHz: too low for interpolation
        (48_000, BAND, 0.1, 7, 48_000),  # 7 speakers: no lag is a whole number of samples
        (16_000, (1_000.0, 3_000.0), 0.1, 1, 16_000),  # the least for the envelope
        (96_000, (1_000.0, 3_000.0), 0.1, 2, 16_000),
        (44_100, BAND, 0.1, 1, 22_050),
    ],
)
def test_responses_have_no_more_samples_than_their_band_needs(rate, band, period, speakers, given):
    rig = Rig(
        np.arange(3.0 * speakers).reshape(-1, 3), np.zeros((1, 3)), np.array([[0, 0]]), CAMERA, C
    )
    deconvolve = Deconvolver(make_excitation(rate, band, period, -12.0), rig, 0.01)
    assert deconvolve.sample_rate_hz == given
    assert deconvolve.window_samples == round(0.01 * given)


def test_periods_one_by_one_equal_one_long_recording():
    """Streaming equals batch: periods one by one, and as one circular signal."""
    rng = np.random.default_rng(1)
    deconvolve = Deconvolver(EXCITATION, ring())
    periods = recording()[None] + rng.normal(0, 0.05, (4, 6, PERIOD)).astype(np.float32)
    streamed = np.mean([deconvolve(p) for p in periods], axis=0)
    batch = reference.deconvolve(
        periods.mean(axis=0), EXCITATION.samples, BAND, RATE, WINDOW, range(6), [0] * 6
    )[:, ::DECIMATION]
    assert np.abs(streamed - batch).max() < 1e-5 * np.abs(batch).max()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 1_800.0), st.floats(0.01, 10.0))
def test_a_path_of_gain_a_has_envelope_peak_a(delay, gain):
    y = reference.record(EXCITATION.samples, [[delay]] * 6, [[gain]] * 6).astype(np.float32)
    envelope = np.abs(Deconvolver(EXCITATION, ring())(y, delay_samples=delay % DECIMATION))
    assert envelope.max() == pytest.approx(gain, rel=1e-4)
    assert envelope[0].argmax() == delay // DECIMATION


def test_playback_delay_is_taken_out():
    late = reference.record(EXCITATION.samples, np.array(DELAYS) + 0.37, GAINS).astype(np.float32)
    assert (
        error_db(Deconvolver(EXCITATION, ring())(late, delay_samples=0.37), true_response()) < -75.0
    )


def test_reference_takes_out_delay_level_and_colour():
    """Through a resonant amplifier and 7.4 samples late: the loopback cancels both."""
    frequency = np.fft.rfftfreq(PERIOD, 1 / RATE)
    colour = (
        0.4
        / (1.0 + 1j * (frequency - 4_000.0) / 3_000.0)
        * np.exp(-2j * np.pi * np.arange(PERIOD // 2 + 1) * 7.4 / PERIOD)
    )
    loopback = np.fft.irfft(colour * np.fft.rfft(EXCITATION.samples.astype(float)), PERIOD)
    y = reference.record(loopback, DELAYS, GAINS).astype(np.float32)
    deconvolve = Deconvolver(EXCITATION, ring())
    assert error_db(deconvolve(y), true_response()) > -6.0
    assert error_db(deconvolve(y, loopback.astype(np.float32)), true_response()) < -65.0


def test_silent_reference_gives_silence():
    noise = np.random.default_rng(2).normal(0, 1e-5, (7, PERIOD)).astype(np.float32)
    deconvolve = Deconvolver(EXCITATION, ring())
    assert np.abs(deconvolve(noise[:6], noise[6])).max() < 1e-3
    assert np.abs(deconvolve(noise[:6], np.zeros(PERIOD, np.float32))).max() == 0.0


def test_speakers_are_separated_by_their_shift():
    speakers = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    mics = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    pairs = np.array([[s, m] for s in range(3) for m in range(2)])
    rig = Rig(speakers, mics, pairs, CAMERA, C)
    signals = speaker_signals(EXCITATION, 3)
    delays, gains = 50.0 + 31.7 * np.arange(6).reshape(3, 2), 1.0 + np.arange(6).reshape(3, 2)
    y = sum(
        reference.record(signals[s], delays[s][:, None], gains[s][:, None]) for s in range(3)
    ).astype(np.float32)
    deconvolve = Deconvolver(EXCITATION, rig, 0.033)
    shifted = (delays + 1600.0 * np.arange(3)[:, None]).T
    heard = true_response(shifted, gains.T, window=PERIOD, decimation=1)
    decimation = round(RATE / deconvolve.sample_rate_hz)
    true = np.array(
        [
            heard[m, 1600 * s : 1600 * s + decimation * deconvolve.window_samples : decimation]
            for s, m in pairs
        ]
    )
    assert error_db(deconvolve(y), true) < -75.0
    np.testing.assert_allclose(np.abs(deconvolve(y)).max(axis=1), gains.ravel(), rtol=0.05)


def test_window_must_fit_the_period():
    with pytest.raises(ConfigError, match=r"at most 0\.1 s"):
        Deconvolver(EXCITATION, ring(), 0.11)
    two = Rig(
        np.array([[0.0, 0, 0], [1, 0, 0]]), np.zeros((1, 3)), np.array([[0, 0], [1, 0]]), CAMERA, C
    )
    with pytest.raises(ConfigError, match="2 speaker"):
        Deconvolver(EXCITATION, two, 0.06)


def test_wrong_shapes_are_refused():
    deconvolve = Deconvolver(EXCITATION, ring())
    with pytest.raises(ConfigError, match="samples has shape"):
        deconvolve(np.zeros((5, PERIOD), np.float32))
    with pytest.raises(ConfigError, match="reference has shape"):
        deconvolve(np.zeros((6, PERIOD), np.float32), np.zeros(7, np.float32))
