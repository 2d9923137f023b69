"""Bursts and silence beside the continuous excitation: the same responses, and their noise."""

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, SoundConfig
from edge.core.contracts import AudioPeriod
from edge.core.rig import Rig
from edge.sensor.hearing import Counters, Hearing
from edge.sound.burst import make_burst
from edge.sound.excitation import make_excitation
from tests.support.bodies import CAMERA

RATE, N = 16_000, 1_600
EXCITATION = make_excitation(RATE, (2000.0, 7500.0), 0.1, -20.0)
MICS = np.array([[0.03, 0.0, 0.0], [-0.03, 0.0, 0.0], [0.0, 0.03, 0.0], [0.0, -0.03, 0.0]])
RIG = Rig(np.array([[0.1, 0.06, 0.0]]), MICS, np.array([[0, m] for m in range(4)]), CAMERA, 343.4)
HISS = 1e-3


def hearing() -> Hearing:
    config = Config(device=DeviceConfig("hall"), sound=SoundConfig("discreet"))
    return Hearing(config, RIG, EXCITATION, None, Counters())


def room(played: np.ndarray, circular: bool) -> np.ndarray:
    """What four microphones hear (4, L): three paths each, within a period."""
    out = np.zeros((4, len(played)))
    for m in range(4):
        for delay, gain in ((6 + m, 1.0), (90 + 7 * m, 0.3), (400 - 11 * m, 0.2)):
            late = np.roll(played, delay)
            if not circular:
                late[:delay] = 0.0
            out[m] += gain * late
    return out


def period(played: np.ndarray, burst: int = 0, gain: float = 1.0, rng=None) -> AudioPeriod:
    """Without a loopback, so that a burst's samples come divided by its gain."""
    heard = room(gain * played, circular=burst == 0)
    if rng is not None:
        heard = heard + HISS * rng.standard_normal(heard.shape)
    sounding = "burst" if burst else "continuous"
    return AudioPeriod(
        7, 10**9, (heard / gain).astype(np.float32), None, sounding=sounding, burst=burst,
        gain=gain,
    )  # fmt: skip


def silence(rng: np.random.Generator, t_ns: int) -> AudioPeriod:
    noise = (HISS * rng.standard_normal((4, N))).astype(np.float32)
    return AudioPeriod(0, t_ns, noise, None, sounding="silence")


@pytest.mark.parametrize("burst", [1, 3, 5])
def test_a_burst_gives_the_responses_of_the_continuous_form(burst: int) -> None:
    hear = hearing()
    steady = hear(period(EXCITATION.samples))
    short = hear(period(make_burst(EXCITATION, burst).samples, burst, gain=0.2))
    assert steady is not None
    assert short is not None
    assert (steady.burst, short.burst) == (0, burst)
    off = np.abs(short.responses - steady.responses).max() / np.abs(steady.responses).max()
    assert off < 0.01
    assert short.middle_ns == 10**9 + burst * 50_000_000
    assert hear.in_bursts


def test_silence_tells_the_noise_of_the_bursts_around_it() -> None:
    rng, hear = np.random.default_rng(0), hearing()
    for k in range(60):
        assert hear(silence(rng, k * 10**8)) is None
    burst = make_burst(EXCITATION, 2).samples
    clean = hear(period(burst, 2, gain=0.1))
    noisy = [hear(period(burst, 2, gain=0.1, rng=rng)) for _ in range(20)]
    assert clean is not None
    left = [h.responses - clean.responses for h in noisy if h is not None]
    rms = np.sqrt(np.mean(np.abs(left) ** 2, axis=(0, 2)))
    assert noisy[0] is not None
    assert noisy[0].sigma is not None
    np.testing.assert_allclose(noisy[0].sigma[:, 0], rms, rtol=0.15)


def test_silence_on_purpose_is_no_fault() -> None:
    rng, hear = np.random.default_rng(0), hearing()
    counters = hear._counters
    for k in range(100):
        hear(silence(rng, k * 10**8))
    assert counters.periods_faulty == 0
    assert hear.health.problems == ()
    assert hear.health.usable.rig is RIG


def test_a_microphone_that_dies_is_named_by_silence_alone() -> None:
    rng, hear = np.random.default_rng(0), hearing()
    for k in range(60):
        heard = silence(rng, k * 10**8)
        heard.samples[2] = 0.0
        hear(heard)
    assert [p.kind for p in hear.health.problems][:1] == ["silent"]
    assert hear.health.usable.rows.tolist() == [0, 1, 3]


def test_music_gives_responses_with_their_noise_and_own_periods_beside_it_are_not_used() -> None:
    hear, rng = hearing(), np.random.default_rng(0)
    steady = hear(period(EXCITATION.samples))
    assert steady is not None
    assert steady.program_noise is None
    music = np.convolve(rng.standard_normal(30 * N), [1.0, -0.5], "same") * 0.05
    samples = room(music, circular=False).astype(np.float32)
    heard = []
    for k in range(30):
        cut = slice(k * N, (k + 1) * N)
        sounding = "silence" if k % 2 else "continuous"  # of which the reference holds nothing
        one = AudioPeriod(
            k, k * 10**8, samples[:, cut], music[cut].astype(np.float32), frame=k * N,
            sounding=sounding,
        )  # fmt: skip
        heard.append(hear(one, steady.responses))
    found = [h for h in heard if h is not None]
    assert [h.index for h in found] == [13, 23]  # no two share any sound
    for h in found:
        assert h.program_noise is not None
        assert h.burst == 10
        error = np.abs(h.responses - steady.responses)
        assert np.sqrt(np.mean(error**2)) < 0.01
        assert h.sigma is not None
        assert h.sigma.shape == h.responses.shape
        assert np.allclose(h.sigma, 1.25 * h.program_noise), "a body adds to the noise"
