"""Sound in the frustum's cells, and what both forms make of outputs that say nothing."""

import numpy as np
import pytest

from edge.lifting.forms.decoded_pose import RESIDUALS, Decoding
from edge.lifting.forms.network_form import CONTEXT, Form
from edge.lifting.forms.ray_form import RayForm
from edge.lifting.forms.volume_form import VolumeForm, frustum_sound, pairs_for
from edge.lifting.person_view import PersonView, keypoint_view
from edge.sound.pose_kernel import make_kernels
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

JOINTS, RIG = standing(2.6, CAMERA), make_rig(CAMERA)


def view() -> PersonView:
    found = keypoint_view(seen(JOINTS, CAMERA), RIG)
    assert found is not None
    return found


@pytest.mark.parametrize("off", [-0.15, 0.0, 0.2])
def test_the_loudest_bin_is_where_the_person_is_whatever_the_estimate(off: float) -> None:
    form = VolumeForm(bins=48)
    true = np.full(15, np.log(np.linalg.norm(JOINTS[8]) * view().size))
    sound = frustum_sound(echoes(JOINTS, RIG), RIG, view(), true + off, form)
    middle = sound[:, :, 4:6, 4:6, 0].mean(axis=(0, 2, 3))
    assert form.offsets[int(middle.argmax())] == pytest.approx(-off, abs=0.08)


def test_each_pair_is_told_how_much_of_it_is_noise() -> None:
    form, depth = VolumeForm(), normalised(JOINTS, view())[0]
    kernels = echoes(JOINTS, RIG)
    loud = float(kernels.envelope.max())
    sigma = np.full(kernels.envelope.shape, 1e-4 * loud, np.float32)
    sigma[2] = 0.3 * loud
    known = make_kernels(kernels.analytic, RATE, BAND, sigma)
    sound = frustum_sound(known, RIG, view(), depth, form)
    unknown = frustum_sound(kernels, RIG, view(), depth, form)
    np.testing.assert_array_equal(sound[..., :3], unknown[..., :3])
    assert (unknown[..., 3] == 0.0).all()
    noise = sound[..., 3].mean(axis=(1, 2, 3))
    assert noise[2] > np.delete(noise, 2).max() + 1.0


def test_pairs_are_spread_evenly_or_repeated() -> None:
    assert sorted(pairs_for(8, 6)) == list(pairs_for(8, 6))
    assert set(pairs_for(2, 6)) == {0, 1}


@pytest.mark.parametrize(
    ("form", "cells"), [(RayForm(), (64,)), (VolumeForm(bins=33, side=11), (33, 11, 11))]
)
def test_outputs_of_zero_give_the_vision_networks_estimate(
    form: Form, cells: tuple[int, ...]
) -> None:
    depth, xy = normalised(JOINTS, view())
    zeros = np.zeros((*cells, 15)), np.zeros(RESIDUALS)
    pose = form.decode(zeros, depth, xy, view(), Decoding())
    across = np.abs(xy).max(axis=1) < 2.0  # nearer to the edge, the grid ends
    np.testing.assert_allclose(pose.joints[across], JOINTS[across], atol=0.05)
    assert pose.sound == 0.5
    assert (pose.sigma > 0.0).all()


@pytest.mark.parametrize(
    ("form", "cells"), [(RayForm(), (64,)), (VolumeForm(bins=33, side=11), (33, 11, 11))]
)
def test_the_profile_says_how_likely_each_distance_of_the_mid_hip_is(
    form: RayForm | VolumeForm, cells: tuple[int, ...]
) -> None:
    """Two echoes along the mid-hip's ray, one of them e times as likely."""
    depth, xy = normalised(JOINTS, view())
    logits, decoding = np.zeros((*cells, 15)), Decoding(prior_spread=100.0)
    near, far = cells[0] // 4, 3 * cells[0] // 4
    logits[near, ..., 8], logits[far, ..., 8] = 20.0, 19.0
    pose = form.decode((logits, np.zeros(RESIDUALS)), depth, xy, view(), decoding)
    p = pose.profile
    assert int(p.log_p.argmax()) == near
    assert p.log_p[near] - p.log_p[far] == pytest.approx(1.0, abs=0.01)
    assert np.exp(p.log_p).sum() == pytest.approx(1.0, abs=1e-4)
    wanted = np.log(np.linalg.norm(JOINTS[8])) + form.offsets[[near, far]]
    np.testing.assert_allclose(p.log_distance[[near, far]], wanted, atol=0.01)


@pytest.mark.parametrize("form", [RayForm(), VolumeForm()])
def test_without_kernels_the_sound_is_zero(form: Form) -> None:
    depth, xy = normalised(JOINTS, view())
    inputs = form.inputs(view(), depth, xy, None, RIG)
    with_sound = form.inputs(view(), depth, xy, echoes(JOINTS, RIG), RIG)
    assert [x.shape for x in inputs] == [x.shape for x in with_sound]
    assert (inputs[0] == 0.0).all()
    assert inputs[-1].shape == (CONTEXT,)
