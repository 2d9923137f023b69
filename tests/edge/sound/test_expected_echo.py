"""The echo that a body should give, from the direct sound, beside noise of a known level."""

import numpy as np
import pytest

from edge.core.rig import Rig
from edge.sound.expected_echo import direct_at_1_m, echo_over_noise_db
from edge.sound.pose_kernel import Kernels, make_kernels
from tests.support.bodies import CAMERA, compact_rig

RATE_HZ, BAND_HZ, SAMPLES = 16000.0, (2000.0, 7500.0), 1600
DIRECT = 0.5  # amplitude at 1 m


def heard(rig: Rig, noise: float, seed: int = 0) -> tuple[np.ndarray, Kernels]:
    """Responses with the direct sound alone, and kernels of noise of this RMS envelope."""
    rng = np.random.default_rng(seed)
    shape = len(rig.pairs), SAMPLES
    hiss = noise * (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2.0)
    responses = hiss.copy()
    for p, arrival in enumerate(rig.direct_arrival_s):
        at = round(arrival * RATE_HZ)
        responses[p, at] += DIRECT / (arrival * rig.speed_of_sound_m_s)
    kernels = make_kernels(hiss.astype(np.complex64), RATE_HZ, BAND_HZ)
    return responses.astype(np.complex64), kernels


def test_the_direct_sound_tells_how_loud_the_loudspeaker_is() -> None:
    rig = compact_rig(CAMERA)
    responses, _ = heard(rig, 1e-5)
    np.testing.assert_allclose(direct_at_1_m(responses, RATE_HZ, rig), DIRECT, rtol=0.02)


def test_echoes_of_a_body_fall_as_physics_says() -> None:
    rig = compact_rig(CAMERA)
    responses, kernels = heard(rig, 1e-4)
    places = [[0.0, 0.0, z] for z in (2.0, 3.0, 4.0)]
    near, middle, far = echo_over_noise_db(places, responses, kernels, rig)
    # -24, -31 and -36 dB of the direct sound at 1 m, over noise 74 dB below it.
    assert near == pytest.approx(74.0 - 24.0, abs=1.5)
    assert near - middle == pytest.approx(7.0, abs=0.5)
    assert near - far == pytest.approx(12.0, abs=0.7)


def test_ten_times_the_noise_is_20_db_less() -> None:
    rig = compact_rig(CAMERA)
    quiet, loud = (echo_over_noise_db([[0, 0, 3]], *heard(rig, n), rig)[0] for n in (1e-4, 1e-3))
    assert quiet - loud == pytest.approx(20.0, abs=0.5)


def test_an_echo_itself_hardly_counts_as_noise() -> None:
    rig = compact_rig(CAMERA)
    responses, kernels = heard(rig, 1e-4)
    echo = kernels.analytic.copy()
    echo[:, 270:350] += np.complex64(1e-2)
    with_body = make_kernels(echo, RATE_HZ, BAND_HZ)
    without, beside = (
        echo_over_noise_db([[0, 0, 3]], responses, k, rig)[0] for k in (kernels, with_body)
    )
    assert without - beside < 1.0
