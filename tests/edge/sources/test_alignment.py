"""The excitation is found where physics puts it, and not in what does not hold it."""

import numpy as np
import pytest

from edge.core.rig import Camera, Rig
from edge.sound.excitation import make_excitation, speaker_signals
from edge.sources.alsa.alignment import Aligner, DelayTracker

CAMERA = Camera(640, 480, 500.0, 500.0, 320.0, 240.0)


def delay(x: np.ndarray, samples: float) -> np.ndarray:
    k = np.arange(len(x) // 2 + 1)
    return np.fft.irfft(
        np.fft.rfft(x.astype(float)) * np.exp(-2j * np.pi * k * samples / len(x)), len(x)
    )


@pytest.fixture(
    params=[(16000, (2000.0, 7500.0)), (48000, (2000.0, 22000.0)), (48000, (17000.0, 22000.0))],
    ids=str,
)
def excitation(request):
    return make_excitation(*request.param, 0.1, -20.0)


@pytest.mark.parametrize("lag", [0.0, -0.4, 0.5, 700.25, 1234.9])
def test_a_fractional_lag_is_found_to_a_thousandth_of_a_sample(excitation, lag):
    y = 0.5 * delay(excitation.samples, lag)
    found = Aligner(excitation).find(y[None].astype(np.float32))
    assert found is not None
    n = excitation.period_samples
    assert abs((found.lag - lag + n / 2) % n - n / 2) < 1e-3
    assert found.level_db == pytest.approx(20 * np.log10(0.5), abs=0.05)


def test_the_direct_path_of_every_pair_is_taken_out(excitation):
    rate, n = excitation.sample_rate_hz, excitation.period_samples
    rig = Rig(
        speakers=np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        mics=np.array([[-0.95, 0.0, 0.0], [0.9, 0.1, 0.0], [0.0, 0.5, 0.3]]),
        pairs=np.array([[0, 0], [1, 1], [0, 2], [1, 2]]),
        camera=CAMERA,
        speed_of_sound_m_s=343.0,
    )
    rng = np.random.default_rng(2)
    heard = np.zeros((3, n))
    for s, signal in enumerate(speaker_signals(excitation, 2)):
        for m in range(3):
            d = float(np.linalg.norm(rig.speakers[s] - rig.mics[m]))
            heard[m] += delay(signal, 41.6 + d / 343.0 * rate) / d
            for _ in range(30):
                late = rng.uniform(0.01, 0.06)
                heard[m] += (
                    rng.normal() * 0.1 * np.exp(-late / 0.02) * delay(signal, 41.6 + late * rate)
                )
    heard += rng.normal(0.0, 0.02, heard.shape)
    found = Aligner(excitation, rig).find(heard.astype(np.float32))
    assert found is not None
    assert found.lag == pytest.approx(41.6, abs=0.15)


def test_noise_hum_speech_like_tones_and_silence_are_not_the_excitation(excitation):
    n, rate = excitation.period_samples, excitation.sample_rate_hz
    aligner, rng, t = Aligner(excitation), np.random.default_rng(3), np.arange(n) / rate
    tones = sum(np.sin(2 * np.pi * 180.0 * h * t + h) for h in range(1, 40))
    impulse = np.zeros(n)
    impulse[n // 3] = 1.0
    for name, y in {"silence": np.zeros(n), "tones": tones, "impulse": impulse}.items():
        assert aligner.find(y[None].astype(np.float32)) is None, name
    for _ in range(200):
        assert aligner.find(rng.normal(0.0, 0.1, (1, n)).astype(np.float32)) is None


def test_the_delay_is_smoothed_and_a_jump_is_believed():
    tracker, rng = DelayTracker(), np.random.default_rng(4)
    smoothed = [tracker.update(0.2 + e) for e in rng.normal(0.0, 0.02, 400)]
    assert np.std(smoothed[20:]) < 0.01
    assert np.mean(smoothed[20:]) == pytest.approx(0.2, abs=0.003)
    assert tracker.update(0.9) == 0.9
    tracker.reset()
    assert tracker.update(-0.1) == -0.1
