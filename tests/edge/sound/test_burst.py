"""A burst gives the responses that the continuous excitation gives, without what sounded before."""

import numpy as np
import pytest

from edge.core.errors import ConfigError
from edge.core.rig import Rig
from edge.sound.burst import EDGE_S, MAX_PERIODS, make_burst
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import band_window, make_excitation, speaker_signals
from tests.support.scenes.signals import BAND, CAMERA, C, db, ring

RATE, PERIOD_S = 16000, 0.1
EXCITATION = make_excitation(RATE, BAND, PERIOD_S, -12.0)
N = EXCITATION.period_samples
EVERY = pytest.mark.parametrize("periods", range(1, MAX_PERIODS + 1))


def room(seconds, reverberation_s, seed, rate=RATE, mics=6):
    """Impulse responses (mics, T) that fall by 60 dB in `reverberation_s`, after direct sound."""
    t = np.arange(round(seconds * rate)) / rate
    late = np.random.default_rng(seed).normal(0.0, 0.03, (mics, len(t)))
    h = late * 10.0 ** (-3.0 * t / reverberation_s)
    h[:, round(0.0004 * rate)] += 1.0
    return h


def steady(signal, h):
    """What is heard of a signal (N,) that repeats without end."""
    heard = np.array([np.convolve(signal, row) for row in h])
    periods = -(-heard.shape[1] // len(signal))
    heard = np.pad(heard, ((0, 0), (0, periods * len(signal) - heard.shape[1])))
    return heard.reshape(len(h), periods, len(signal)).sum(axis=1).astype(np.float32)


def once(signal, h):
    """What is heard while a burst and its silence last, and nothing sounded before."""
    return np.array([np.convolve(signal, row)[: len(signal)] for row in h]).astype(np.float32)


def true_responses(h, rate, band, window):
    """The band's analytic responses (M, window) without any period."""
    n = 2 * h.shape[1] + 2 * window
    weight = band_window(np.fft.rfftfreq(n, 1 / rate), band)
    spectrum = np.zeros((len(h), n), complex)
    spectrum[:, : len(weight)] = weight * np.fft.rfft(h, n, axis=1)
    return np.fft.ifft(spectrum, axis=1)[:, :window] * n / weight.sum()


@EVERY
@pytest.mark.parametrize(
    ("rate", "band", "period_s"),
    [
        (16_000, BAND, 0.1),
        (16_000, BAND, 0.05),
        (16_000, (1_000.0, 3_600.0), 0.1),
        (48_000, (2_000.0, 22_000.0), 0.1),
        (44_100, (17_000.0, 22_000.0), 0.05),
    ],
    ids=str,
)
def test_in_a_room_shorter_than_a_period_both_forms_hear_the_same(rate, band, period_s, periods):
    excitation = make_excitation(rate, band, period_s, -12.0)
    burst = make_burst(excitation, periods)
    h = room(0.9 * period_s, 0.1, 1, rate)
    continuous = Deconvolver(excitation, ring(), 0.03)(steady(excitation.samples, h))
    deconvolve = Deconvolver(burst, ring(), 0.03)
    bursts = deconvolve(once(burst.samples, h))
    assert bursts.shape == continuous.shape
    assert db(np.abs(bursts - continuous).max() / np.abs(continuous).max()) < -60.0


@EVERY
def test_a_reverberant_room_does_not_wrap_around(periods):
    h = room(0.8, 0.6, 2)
    burst = make_burst(EXCITATION, periods)
    want = true_responses(h, RATE, BAND, round(0.04 * RATE))
    loudest = np.abs(want).max()
    heard = Deconvolver(burst, ring(), 0.04)(once(burst.samples, h))
    folded = Deconvolver(EXCITATION, ring(), 0.04)(steady(EXCITATION.samples, h))
    late = slice(round(0.005 * RATE), None)
    assert db(np.abs(folded - want)[:, late].max() / loudest) > -35.0
    assert db(np.abs(heard - want)[:, late].max() / loudest) < -60.0


@EVERY
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.003])
def test_the_loopback_takes_out_gain_delay_and_colour(periods, gain):
    burst = make_burst(EXCITATION, periods)
    length = len(burst.samples)
    frequency = np.fft.rfftfreq(2 * length, 1 / RATE)
    colour = gain / (1.0 + 1j * (frequency - 4_000.0) / 3_000.0)
    spectrum = colour * np.fft.rfft(burst.samples, 2 * length)
    loopback = np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequency * 7.4 / RATE))[:length]
    h = room(0.06, 0.1, 3)
    found = Deconvolver(burst, ring(), 0.03)(once(loopback, h), loopback.astype(np.float32))
    want = Deconvolver(EXCITATION, ring(), 0.03)(steady(EXCITATION.samples, h))
    assert db(np.abs(found - want).max() / np.abs(want).max()) < -55.0


@EVERY
def test_loudspeakers_are_told_apart(periods):
    rig = Rig(
        speakers=np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        mics=np.array([[0.0, 0.0, 0.0]]),
        pairs=np.array([[0, 0], [1, 0]]),
        camera=CAMERA,
        speed_of_sound_m_s=C,
    )
    burst, h = make_burst(EXCITATION, periods), room(0.04, 0.05, 4, mics=2)
    heard = sum(once(signal, h[s : s + 1]) for s, signal in enumerate(speaker_signals(burst, 2)))
    want = true_responses(h, RATE, BAND, round(0.03 * RATE))
    found = Deconvolver(burst, rig, 0.03)(heard)
    assert db(np.abs(found - want).max() / np.abs(want).max()) < -55.0


@EVERY
def test_it_is_flat_in_its_band_soft_at_its_edges_and_as_loud_as_the_continuous_form(periods):
    burst = make_burst(EXCITATION, periods)
    x, sounding, edge = burst.samples.astype(float), periods * N, round(EDGE_S * RATE)
    assert (len(x), burst.grid_samples, burst.burst) == ((periods + 1) * N, N, periods)
    assert not x[sounding:].any()
    peak = np.abs(EXCITATION.samples).max()
    assert np.abs(x).max() == pytest.approx(peak, rel=1e-6)
    rise = np.sin(np.pi / 2 * (np.arange(edge) + 1) / edge) ** 2
    assert (np.abs(x[:edge]) < 1.05 * peak * rise).all()
    assert (np.abs(x[sounding - edge : sounding][::-1]) < 1.05 * peak * rise).all()
    assert peak / np.sqrt(np.mean(x[:sounding] ** 2)) < 1.6, "a chirp is loud for its peak"
    power = np.abs(np.fft.rfft(x)) ** 2
    inside = band_window(np.fft.rfftfreq(len(x), 1 / RATE), BAND)
    assert db(np.sqrt(power[inside == 0].sum() / power.sum())) < -45.0
    assert np.ptp(10.0 * np.log10(power[inside > 0.99])) < 3.0


def test_only_1_to_5_periods_are_possible():
    for periods in (0, 6):
        with pytest.raises(ConfigError, match=f"a burst of {periods} periods: 1 to 5 are possible"):
            make_burst(EXCITATION, periods)
