"""Microphones that fail are named, good ones are left in peace: on the shipped session's sound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edge
from edge.core.arrays import FloatArray
from edge.sound.deconvolution import Deconvolver
from edge.sound.health.microphone_health import MicrophoneFault, MicrophoneHealth
from edge.sources.session.reader import Session, load_session

Change = Callable[[FloatArray], FloatArray]


@pytest.fixture(scope="module")
def session() -> Session:
    return load_session(Path(edge.__file__).parent / "sessions" / "demo")


def verdicts(
    session: Session, change: Change, periods: int = 20, silent_from: int = 10**9
) -> list[tuple[MicrophoneFault, ...]]:
    """What is certain after each period of the session, its microphones changed."""
    deconvolve = Deconvolver(session.excitation, session.rig, 0.04)
    n = session.excitation.period_samples
    health = MicrophoneHealth(session.rig, n / 16000, deconvolve.sample_rate_hz)
    out = []
    for k in range(periods):
        raw = np.asarray(session.audio[k * n : (k + 1) * n], np.float32).T / 32768
        samples = change(raw[list(session.mic_channels)].copy())
        responses = deconvolve(samples, raw[session.reference_channel])
        out.append(health(samples, responses if k < silent_from else None))
    return out


def kinds(faults: tuple[MicrophoneFault, ...]) -> list[tuple[int, str, int | None]]:
    return [(f.microphone, f.kind, f.other) for f in faults]


def silent(x: FloatArray) -> FloatArray:
    x[1] = 0.0
    return x


def constant(x: FloatArray) -> FloatArray:
    x[2] = -0.25
    return x


def clipped(x: FloatArray) -> FloatArray:
    x[0] = np.clip(x[0], -0.06, 0.06)
    return x


def copied(x: FloatArray) -> FloatArray:
    x[3] = x[0]
    return x


def softly_copied(x: FloatArray) -> FloatArray:
    x[3] = np.round(x[0] * 0.5 * 32768) / 32768
    return x


def six_copies(x: FloatArray) -> FloatArray:
    x[1:] = x[0]
    return x


def disconnected(x: FloatArray) -> FloatArray:
    x[2] = np.random.default_rng(0).normal(0, 1e-3, x.shape[1])
    return x


def soft(x: FloatArray) -> FloatArray:
    x[2] *= 10 ** (-12 / 20)
    return x


def loud(x: FloatArray) -> FloatArray:
    x[0] *= 10 ** (12 / 20)
    return x


def humming(x: FloatArray) -> FloatArray:
    x[1] += 0.05 * np.sin(2 * np.pi * 50 * np.arange(x.shape[1]) / 16000).astype(np.float32)
    return x


def exchanged(x: FloatArray) -> FloatArray:
    x[[0, 2]] = x[[2, 0]]
    return x


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (silent, [(1, "silent", None)]),
        (constant, [(2, "constant", None)]),
        (clipped, [(0, "clipped", None)]),
        (copied, [(3, "copy", 0)]),
        (softly_copied, [(3, "copy", 0)]),
        (six_copies, [(1, "copy", 0), (2, "copy", 0), (3, "copy", 0)]),
        (disconnected, [(2, "deaf", None)]),
        (soft, [(2, "soft", None)]),
        (loud, [(0, "loud", None)]),
        (humming, [(1, "hum", None)]),
        (exchanged, [(0, "exchanged", 2), (2, "exchanged", 0)]),
    ],
)
def test_a_fault_is_named_and_nothing_else(session, change, named):
    assert kinds(verdicts(session, change)[-1]) == named


def test_good_microphones_are_not_accused_while_somebody_moves(session):
    assert all(not faults for faults in verdicts(session, lambda x: x, periods=70))


def test_one_odd_period_is_no_verdict(session):
    calls = iter(range(100))
    odd = verdicts(session, lambda x: silent(x) if next(calls) == 12 else x)
    assert all(not faults for faults in odd)


def test_a_microphone_that_comes_back_is_good_again(session):
    calls = iter(range(100))
    faults = verdicts(session, lambda x: silent(x) if next(calls) < 20 else x, periods=40)
    assert kinds(faults[19]) == [(1, "silent", None)]
    assert faults[-1] == ()


def test_a_verdict_of_the_direct_sound_outlasts_a_silent_loudspeaker(session):
    faults = verdicts(session, soft, periods=30, silent_from=15)
    assert kinds(faults[-1]) == [(2, "soft", None)]


def test_silence_of_the_loudspeaker_is_no_fault_of_a_microphone(session):
    noise = np.random.default_rng(1)
    quiet = verdicts(
        session, lambda x: noise.normal(0, 1e-3, x.shape).astype(np.float32), silent_from=0
    )
    assert all(not faults for faults in quiet)
