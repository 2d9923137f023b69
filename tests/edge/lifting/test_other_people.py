"""Where the others' echoes lie: physics, and what both forms make of it."""

import numpy as np
import pytest

from edge.core.pose import MID_HIP, N_JOINTS
from edge.lifting.forms.network_form import sound_features
from edge.lifting.forms.ray_form import CHANNELS, RayForm, ray_sound
from edge.lifting.forms.volume_form import VolumeForm, frustum_sound
from edge.lifting.mirror import mirrored, mirrored_rig
from edge.lifting.other_people import ALONE, echoes_of
from edge.lifting.person_view import PersonView, keypoint_view
from tests.support.scenes.lifter import CAMERA, echoes, make_rig, normalised, seen, standing

RIG, FORM = make_rig(CAMERA), RayForm()
OWN, OTHER = standing(2.6, CAMERA), standing(3.3, CAMERA)
C = RIG.speed_of_sound_m_s


def view() -> PersonView:
    found = keypoint_view(seen(OWN, CAMERA), RIG)
    assert found is not None
    return found


def test_an_echo_lasts_from_the_front_of_a_body_to_behind_its_last_joint() -> None:
    told = echoes_of([OTHER], [0.01], RIG)
    arrival = RIG.arrival_s(OTHER)
    for p in range(len(RIG.pairs)):
        before = 0.5 * C * (arrival[p].min() - told.first_s[0, p])
        behind = 0.5 * C * (told.last_s[0, p] - arrival[p].max())
        assert 0.16 <= before <= 0.20  # the front surface
        assert 0.05 <= behind <= 0.15
    inside, begun = told.channels(arrival)
    assert (inside > 0.95).all()
    assert (begun > 0.95).all()
    for metres, want in ((-0.6, (0.0, 0.0)), (2.0, (0.0, 1.0))):
        nowhere = told.channels(arrival + 2.0 * metres / C)
        np.testing.assert_allclose([x.mean() for x in nowhere], want, atol=0.02)


def test_a_body_whose_place_is_not_well_known_has_soft_edges() -> None:
    sharp, soft = (echoes_of([OTHER], [s], RIG) for s in (0.01, 0.1))
    assert soft.blur_s.mean() * 0.5 * C == pytest.approx(0.1 * 3.3, rel=0.15)
    before = RIG.arrival_s(OTHER[MID_HIP : MID_HIP + 1]) - 2.0 * 0.45 / C
    assert sharp.channels(before)[0][0] < 0.01
    assert 0.1 < soft.channels(before)[0][0] < 0.5


def test_the_mirror_image_has_the_same_echoes() -> None:
    told, image = echoes_of([OTHER], [0.05], RIG), None
    image = echoes_of([mirrored(OTHER)], [0.05], mirrored_rig(RIG))
    np.testing.assert_allclose(image.first_s, told.first_s, rtol=1e-12)
    np.testing.assert_allclose(image.last_s, told.last_s, rtol=1e-12)


def test_of_two_others_either_may_explain_a_bin() -> None:
    nearer = standing(1.8, CAMERA)
    both = echoes_of([OTHER, nearer], [0.03, 0.03], RIG)
    arrival = np.linspace(0.005, 0.03, 300) * np.ones((len(RIG.pairs), 1))
    each = [echoes_of([j], [0.03], RIG).by_pair(arrival) for j in (OTHER, nearer)]
    for k in (0, 1):
        np.testing.assert_allclose(both.by_pair(arrival)[k], np.maximum(each[0][k], each[1][k]))
    np.testing.assert_allclose(both.others(1).by_pair(arrival)[0], each[0][0])


def ray_channels(offset: float = 0.0) -> np.ndarray:
    depth, xy = normalised(OWN, view())
    told = echoes_of([OTHER], [0.02], RIG)
    heard = ray_sound(echoes(OWN, RIG), RIG, view(), depth - offset, xy, FORM, told)
    return heard.reshape(FORM.bins, N_JOINTS, len(CHANNELS))


@pytest.mark.parametrize("offset", [0.0, -0.15])
def test_the_others_echo_shows_at_the_bins_that_arrive_with_it(offset: float) -> None:
    """On one's own mid-hip's ray, from 18 cm before the other's hips on."""
    others = ray_channels(offset)[:, MID_HIP, CHANNELS.index("others")]
    depth_m = np.linalg.norm(OWN[MID_HIP]) * np.exp(FORM.offsets - offset)
    first = depth_m[np.argmax(others > 0.5)]
    begins = 0.5 * C * RIG.arrival_s(OTHER).min(axis=1).mean() - 0.18
    assert first == pytest.approx(begins, abs=0.06)
    assert (others[depth_m < begins - 0.25] == 0.0).all()
    begun = ray_channels(offset)[:, MID_HIP, CHANNELS.index("begun")]
    assert (begun[depth_m > begins + 0.25] == 1.0).all()


def test_the_sound_itself_stays_as_of_a_person_alone() -> None:
    depth, xy = normalised(OWN, view())
    kernels = echoes(OWN, RIG)
    alone = ray_sound(kernels, RIG, view(), depth, xy, FORM).reshape(ray_channels().shape)
    np.testing.assert_array_equal(alone[..., :3], ray_channels()[..., :3])
    assert (alone[..., 3:] == 0.0).all()
    cells = frustum_sound(kernels, RIG, view(), depth, VolumeForm())
    told = echoes_of([OTHER], [0.02], RIG)
    company = frustum_sound(kernels, RIG, view(), depth, VolumeForm(), told)
    np.testing.assert_array_equal(company[..., 0], cells[..., 0])
    assert (cells[..., 1:] == 0.0).all()
    assert company[..., 1].max() == 1.0


def test_the_volumes_pairs_each_have_their_own_interval() -> None:
    rig = make_rig(CAMERA, mics=4, spread_m=1.0)
    depth, _ = normalised(OWN, view())
    told = echoes_of([OTHER], [0.02], rig)
    heard = frustum_sound(echoes(OWN, rig), rig, view(), depth, VolumeForm(pairs=4), told)
    assert np.abs(heard[0, ..., 1] - heard[3, ..., 1]).max() > 0.5


def test_the_network_knows_how_many_others_there_are() -> None:
    kernels = echoes(OWN, RIG)
    for others in range(7):
        told = echoes_of([OTHER] * others, [0.05] * others, RIG)
        assert sound_features(RIG, kernels, others=told)[3] == min(others, 4) / 4.0
    assert sound_features(RIG, None, others=echoes_of([OTHER], [0.05], RIG))[3] == 0.0
    assert len(ALONE) == 0


def test_who_is_as_far_as_somebody_else_is_covered_who_is_far_behind_is_not() -> None:
    beside = OTHER + np.array([0.7, 0.0, 0.0])
    for others, low, high in (
        ([beside], 0.65, 1.0),
        ([standing(2.5, CAMERA)], 0.0, 0.35),
        ([standing(4.4, CAMERA)], 0.0, 0.01),
        ([beside, standing(4.4, CAMERA)], 0.65, 1.0),
    ):
        told = echoes_of([OTHER, *others], [0.02] * (1 + len(others)), RIG)
        assert low <= told.covered(0) <= high
    # Of one who is only roughly placed it is not sure.
    unsure = echoes_of([OTHER, beside], [0.02, 0.15], RIG)
    assert unsure.covered(0) < 0.65
