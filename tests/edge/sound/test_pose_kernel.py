"""Envelopes, analytic signals of stored responses, pooling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.core.errors import ConfigError
from edge.sound.pose_kernel import analytic_signal, make_kernels, pool
from tests.support import reference
from tests.support.scenes.signals import BAND, RATE, C, db, echo, ring


def test_envelope_is_the_magnitude():
    h = echo(ring(), [0.2, 0.1, 2.5])
    kernels = make_kernels(h, RATE, BAND)
    np.testing.assert_allclose(kernels.envelope, np.abs(h), rtol=1e-6)
    np.testing.assert_allclose(kernels.envelope.max(axis=1), 1.0, atol=0.05)
    assert kernels.envelope.dtype == np.float32
    assert (kernels.sample_rate_hz, kernels.band_hz) == (RATE, BAND)


def test_the_noise_goes_with_the_pairs_and_has_their_shape():
    h = echo(ring(), [0.2, 0.1, 2.5])
    sigma = np.arange(h.size, dtype=np.float64).reshape(h.shape)
    assert make_kernels(h, RATE, BAND).sigma is None
    assert make_kernels(h, RATE, BAND).of_pairs([1]).sigma is None
    chosen = make_kernels(h, RATE, BAND, sigma).of_pairs([2, 0])
    np.testing.assert_array_equal(chosen.sigma, sigma[[2, 0]].astype(np.float32))
    np.testing.assert_array_equal(chosen.analytic, h[[2, 0]])
    assert chosen.sigma.dtype == np.float32
    with pytest.raises(ConfigError, match="noise has shape"):
        make_kernels(h, RATE, BAND, sigma[:1])


def test_real_part_is_enough_to_get_the_analytic_signal_back():
    h = echo(ring(), [0.2, 0.1, 2.5])
    again = analytic_signal(h.real, RATE, BAND)
    assert again.dtype == np.complex64
    assert db(np.abs(again - h).max()) < -65.0


def test_analytic_signal_keeps_the_band_and_drops_the_rest():
    t = np.arange(4_800) / RATE
    inside, below, above = (
        np.cos(2 * np.pi * f * t) * np.hanning(4_800) for f in (4_500.0, 800.0, 9_500.0)
    )
    h = analytic_signal(np.stack([inside, below, above]), RATE, BAND)
    np.testing.assert_allclose(np.abs(h[0]), np.hanning(4_800), atol=1e-3)
    assert db(np.abs(h[1:]).max()) < -70.0


@pytest.mark.parametrize(
    ("rir", "band"),
    [(np.zeros(5), BAND), (np.full((1, 9), np.nan), BAND), (np.zeros((1, 9)), (2e3, 25e3))],
)
def test_what_is_no_response_is_refused(rir, band):
    with pytest.raises(ConfigError):
        analytic_signal(rir, RATE, band)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (2, 50), elements=st.floats(0.0, 100.0, width=32)), st.floats(0.0, 0.08))
def test_pool_equals_reference(envelope, half_width):
    half = round(2 * half_width / C * RATE)
    np.testing.assert_allclose(
        pool(envelope, RATE, half_width, C), reference.pool(envelope, half), rtol=1e-4, atol=1e-4
    )


def test_a_weak_echo_survives_pooling_beside_a_direct_sound_100_db_above():
    envelope = np.zeros((1, 400), np.float32)
    envelope[0, 5], envelope[0, 300] = 1e3, 1e-2
    assert pool(envelope, RATE, 0.025, C)[0, 300] == pytest.approx(1e-2 / np.sqrt(15), rel=1e-2)


def test_pool_refuses_a_negative_width():
    with pytest.raises(ConfigError):
        pool(np.zeros((1, 9), np.float32), RATE, -0.1, C)
