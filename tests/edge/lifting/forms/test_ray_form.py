"""Sound along the joints' rays: echoes show where they are, whatever the rig and the level."""

from dataclasses import replace

import numpy as np
import pytest

from edge.core.pose import N_JOINTS
from edge.core.rig import Rig
from edge.lifting.forms.network_form import sound_features
from edge.lifting.forms.ray_form import CHANNELS, RayForm, ray_sound
from edge.lifting.person_view import PersonView, keypoint_view
from edge.sound.pose_kernel import Kernels, make_kernels
from tests.support.scenes.lifter import (
    BAND,
    CAMERA,
    RATE,
    echoes,
    make_rig,
    normalised,
    seen,
    standing,
)

FORM = RayForm()
JOINTS, RIG = standing(2.6, CAMERA), make_rig(CAMERA)


def view_of(joints: np.ndarray, rig: Rig = RIG) -> PersonView:
    view = keypoint_view(seen(joints, CAMERA), rig)
    assert view is not None
    return view


def sound(
    kernels: Kernels, rig: Rig = RIG, joints: np.ndarray = JOINTS, offset: float = 0.0
) -> np.ndarray:
    """(bins, 15, channels) around the true joints, or `offset` in log depth before them."""
    view = view_of(joints, rig)
    depth, xy = normalised(joints, view)
    heard = ray_sound(kernels, rig, view, depth - offset, xy, FORM)
    return heard.reshape(FORM.bins, N_JOINTS, len(CHANNELS))


def channel(heard: np.ndarray, name: str) -> np.ndarray:
    return heard[:, :, CHANNELS.index(name)]


@pytest.mark.parametrize("offset", [-0.2, 0.0, 0.25])
@pytest.mark.parametrize("name", ["mean", "max", "coherent"])
def test_an_echo_shows_at_its_depth(name: str, offset: float) -> None:
    """One scatterer on the mid-hip's ray: that joint's ray is loudest where the scatterer is,
    whatever the image's estimate was.
    """
    hip = channel(sound(echoes(JOINTS[8:9], RIG), offset=offset), name)[:, 8]
    found = FORM.offsets[hip.argmax()]
    assert found == pytest.approx(offset, abs=1.5 * (FORM.offsets[1] - FORM.offsets[0]))


def test_the_coherent_sum_prefers_the_right_direction() -> None:
    """A reflector as far but 50 degrees aside is as loud in the envelopes, not in phase."""
    hip, turn = JOINTS[8], np.radians(50.0)
    to_the_side = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    levels = {}
    for name, where in (("person", hip), ("aside", to_the_side @ hip)):
        k = echoes(where[None], RIG)
        loud = np.abs(k.analytic).sum(axis=0).max()
        rows = zip(RIG.arrival_s(hip), k.analytic, strict=True)
        phases = np.array([np.interp(t * RATE, np.arange(640), row) for t, row in rows])
        levels[name] = np.abs(phases.sum()) / loud
        assert np.isfinite(sound(k)).all()
    assert levels["aside"] < 0.5 * levels["person"]


def test_the_order_of_pairs_and_their_repetition_do_not_matter() -> None:
    kernels = echoes(JOINTS, RIG)
    once = sound(kernels)
    for order in (np.array([3, 1, 5, 0, 2, 4]), np.tile(np.arange(6), 2)):
        other = make_kernels(kernels.analytic[order], RATE, BAND)
        again = sound(other, replace(RIG, pairs=RIG.pairs[order]))
        np.testing.assert_allclose(again, once, atol=1e-4)


def test_the_level_of_the_echo_does_not_matter() -> None:
    kernels = echoes(JOINTS, RIG)
    louder = make_kernels(100.0 * kernels.analytic, RATE, BAND)
    np.testing.assert_allclose(sound(kernels), sound(louder), atol=1e-4)


def test_silence_before_the_echo_looks_as_with_a_little_noise() -> None:
    clean = echoes(JOINTS, RIG).analytic
    hip = int(RIG.arrival_s(JOINTS[8]).mean() * RATE)
    loud = np.sqrt(np.mean(np.abs(clean[:, hip - 40 : hip + 40]) ** 2))
    rng = np.random.default_rng(2)
    before = {}
    for sir_db in (None, 60.0, 20.0, 5.0):
        level = 0.0 if sir_db is None else 10.0 ** (-sir_db / 20.0)
        noise = (rng.normal(size=clean.shape) * loud * level).astype(np.complex64)
        heard = sound(make_kernels(clean + noise, RATE, BAND))
        before[sir_db] = channel(heard, "mean")[:6].mean()
    assert before[60.0] == pytest.approx(before[None], abs=0.05)
    assert before[20.0] == pytest.approx(before[None], abs=0.4)
    # What is really there still shows, above the interference that is assumed at 16 dB.
    assert before[5.0] > before[20.0] + 0.2


def test_a_wide_rig_has_no_coherent_channel() -> None:
    rig = make_rig(CAMERA, mics=4, spread_m=1.0)
    heard = sound(echoes(JOINTS, rig), rig)
    assert (channel(heard, "coherent") == 0.0).all()
    assert channel(heard, "mean").std() > 0.1
    kernels = echoes(JOINTS, RIG)
    np.testing.assert_array_equal(sound_features(rig, kernels), np.float32([1, 0, 0.5, 0, 0]))
    np.testing.assert_array_equal(sound_features(RIG, kernels), np.float32([1, 1, 0.75, 0, 0]))
    assert (sound_features(RIG, None) == 0.0).all()


def test_the_network_is_told_how_much_of_each_range_is_noise() -> None:
    rng = np.random.default_rng(3)
    clean = echoes(JOINTS, RIG).analytic
    hip = int(RIG.arrival_s(JOINTS[8]).mean() * RATE)
    loud = np.sqrt(np.mean(np.abs(clean[:, hip - 40 : hip + 40]) ** 2))
    told = {}
    for snr_db in (30.0, 15.0, -10.0):
        rms = loud * 10.0 ** (-snr_db / 20.0)
        noise = rng.normal(size=(2, *clean.shape)) * rms / np.sqrt(2.0)
        heard = (clean + noise[0] + 1j * noise[1]).astype(np.complex64)
        sigma = np.full(clean.shape, rms, np.float32)
        known = make_kernels(heard, RATE, BAND, sigma)
        assert sound_features(RIG, known)[4] == 1.0
        with_noise, without = sound(known), sound(make_kernels(heard, RATE, BAND))
        assert (channel(without, "noise") == 0.0).all()
        for name in CHANNELS[:-1]:
            np.testing.assert_array_equal(channel(with_noise, name), channel(without, name))
        told[snr_db] = channel(with_noise, "noise").mean(axis=1)
        # Where there is nothing else, the level is that of the noise: the first bins.
        if snr_db < 0.0:
            off = channel(with_noise, "mean").mean(axis=1)[:10] - told[snr_db][:10]
            assert abs(off.mean()) < 0.15
        # One noise in all ranges: it grows with the spreading that is taken out.
        assert (np.diff(told[snr_db]) > 0.0).all()
    assert told[30.0].mean() < told[15.0].mean() - 0.3
    assert told[15.0].mean() < told[-10.0].mean() - 0.1


def test_a_person_beyond_the_window_is_no_error() -> None:
    near = echoes(standing(2.0, CAMERA), RIG)
    assert np.isfinite(sound(near, joints=standing(9.0, CAMERA))).all()
