"""The echo profile: a wall where it is, at its level; and no more messages than wanted."""

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, LifterConfig, MqttConfig
from edge.output.messages.echo_profile import BINS, EnvelopeKeeper, echo_profile
from edge.output.messages.fields import Message
from edge.sound.pose_kernel import Kernels, make_kernels
from tests.support.messages import problems

C, RATE_HZ = 343.0, 16000.0
EDGES_M = np.linspace(0.5, 6.0, BINS + 1)


def echo_at(range_m: float, gain: float, pairs: int = 4, samples: int = 640) -> Kernels:
    """A band-limited pulse (2 to 7.5 kHz) on all pairs after half a path of range_m."""
    f = np.fft.fftfreq(samples, 1.0 / RATE_HZ)
    inside = (f >= 2000.0) & (f <= 7500.0)
    pulse = np.fft.ifft(inside * np.exp(-2j * np.pi * f * 2.0 * range_m / C))
    return make_kernels(
        np.tile((gain * pulse / np.abs(pulse).max()).astype(np.complex64), (pairs, 1)),
        RATE_HZ,
        (2000.0, 7500.0),
    )


@pytest.mark.parametrize("range_m", [0.9, 2.37, 3.1, 5.52])
def test_an_echo_is_in_its_bin_at_its_level(range_m: float) -> None:
    profile = echo_profile(echo_at(range_m, 1e-3), C, EDGES_M)
    at = int(np.argmax(profile))
    assert EDGES_M[at] - 0.02 <= range_m <= EDGES_M[at + 1] + 0.02
    assert (
        -66.0 < profile[at] < -60.0
    )  # the pulse is shorter than a bin, so its mean power there is below its peak
    assert np.median(profile) < profile[at] - 20.0
    assert echo_profile(echo_at(range_m, 1e-2), C, EDGES_M)[at] == pytest.approx(
        profile[at] + 20.0, abs=0.01
    )


def test_bins_narrower_than_a_sample_hold_the_same_energy() -> None:
    kernels = echo_at(0.8, 1e-2)
    coarse, fine = (
        10.0 ** (echo_profile(kernels, C, np.linspace(0.5, 1.0, n + 1)) / 10.0) for n in (4, BINS)
    )
    np.testing.assert_allclose(fine.reshape(4, -1).mean(axis=1), coarse, rtol=1e-9)


def test_silence_is_a_finite_level() -> None:
    profile = echo_profile(
        make_kernels(np.zeros((2, 640), np.complex64), RATE_HZ, (2000.0, 7500.0)), C, EDGES_M
    )
    np.testing.assert_allclose(profile, -160.0)


class Scene:
    """A keeper whose clock and newest kernels the test sets."""

    def __init__(self, **mqtt: float) -> None:
        self.now_s = 100.0
        self.told: list[Message] = []
        self.newest: tuple[int, Kernels] | None = None
        config = Config(
            device=DeviceConfig("hall"),
            mqtt=MqttConfig(**mqtt),
            lifter=LifterConfig(max_range_m=6.0),
        )  # type: ignore[arg-type]
        self.keeper = EnvelopeKeeper(
            config, "simulated", lambda: self.newest, C, self.told.append, lambda: self.now_s
        )

    def hear(self, range_m: float = 3.1) -> None:
        self.newest = round(self.now_s * 1e9), echo_at(range_m, 1e-3)


def test_the_message_keeps_to_its_schema_and_places_the_echo() -> None:
    scene = Scene()
    scene.hear(3.1)
    scene.keeper.tick()
    (message,) = scene.told
    assert problems("envelope", message) == []
    at = int(np.argmax(message["level_db"]))
    assert message["first_m"] + at * message["step_m"] == pytest.approx(3.1, abs=0.05)
    assert message["first_m"] + (BINS - 0.5) * message["step_m"] == pytest.approx(6.0, abs=0.001)
    assert message["monotonic_ns"] == 100_000_000_000


@pytest.mark.parametrize(("rate_hz", "expected"), [(2.0, 10), (0.5, 3), (0.0, 0)])
def test_it_speaks_as_often_as_wanted(rate_hz: float, expected: int) -> None:
    scene = Scene(envelope_rate_hz=rate_hz)
    for k in range(50):
        scene.now_s = 100.0 + k / 10
        scene.hear()
        scene.keeper.tick()
    assert len(scene.told) == expected


def test_it_is_silent_without_new_sound() -> None:
    scene = Scene()
    scene.keeper.tick()
    assert scene.told == []
    scene.hear()
    for _ in range(5):
        scene.now_s += 1.0
        scene.keeper.tick()
    assert len(scene.told) == 1
