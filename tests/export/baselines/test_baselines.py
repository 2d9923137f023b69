"""The baselines against people of known height and place, and their parts against their inputs."""

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge.core.arrays import Array
from edge.core.errors import ModelError, SessionError
from edge.core.pose import BONES, MID_HIP, LiftedPose
from edge.core.rig import Rig
from edge.sound.pose_kernel import analytic_signal, make_kernels
from edge.sources.session.dataset import Environment, Sample
from export.baselines.body_fit import fit_body, population_from
from export.baselines.image_network import BaselinePose, turn_to, view_from
from export.baselines.mlp import Mlp, load_weights, mlp_from
from export.baselines.predictors import PREDICTORS, Predictor, make_predictor
from export.baselines.sound_baselines import first_arrivals_s, locate, sound_features
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import upright
from export.simulate.detector_errors import person_size
from export.simulate.people import (
    apply_errors,
    detected,
    detector_errors,
    sample_people,
    view_people,
)
from tests.support.bodies import CAMERA, compact_rig, seen, standing

pytestmark = pytest.mark.export

RATE, BAND = 16000.0, (2000.0, 7500.0)
# Four co-located pairs in the corners of a 2 m x 1 m frame: the paper's layout.
CORNERS = np.array([[-1.0, 0.4, 0.0], [1.0, 0.4, 0.0], [-1.0, -0.6, 0.2], [1.0, -0.6, 0.2]])
SPREAD_RIG = Rig(
    CORNERS, CORNERS.copy(), np.repeat(np.arange(4)[:, None], 2, axis=1), CAMERA, 343.4
)


def impulses(rig: Rig, point: Array, samples: int = 640) -> npt.NDArray[np.float32]:
    """Band-limited echoes (P, T) of one small thing at a point."""
    f = np.fft.rfftfreq(samples, 1.0 / RATE)
    delay = rig.arrival_s(point[None])[:, 0]
    return np.fft.irfft(np.exp(-2j * np.pi * f * delay[:, None]), samples).astype(
        np.float32
    ) / np.float32(point @ point)


def case(height_m: float) -> tuple[Sample, Environment]:
    """A person of the bank's test split who stands 3 m away and faces the camera."""
    rig, body = compact_rig(), sample_body(np.random.default_rng(1), "test", height_m)
    joints = CAMERA.from_room(pose_body(body, upright(body)).joints + np.array([0.2, 3.0, 0.0]))
    rir = impulses(rig, joints[MID_HIP] * (1 - 0.16 / np.linalg.norm(joints[MID_HIP])))
    sample = Sample("0", rir, joints[None], (seen(joints),), {"height_m": height_m})
    return sample, Environment(Path("room"), rig, RATE, BAND, [])


def the_pose(predictor: Predictor, sample: Sample, environment: Environment) -> LiftedPose:
    """Of the sample's only person."""
    (pose,) = predictor(sample, environment)
    assert pose is not None
    return pose


def distance_error(predictor: Predictor, height_m: float) -> float:
    sample, environment = case(height_m)
    pose = the_pose(predictor, sample, environment)
    assert np.isfinite(pose.joints).all()
    return pose.mid_hip_distance_m - float(np.linalg.norm(sample.joints[0, MID_HIP]))


def test_assumed_height_puts_short_people_too_far_and_an_oracle_does_not() -> None:
    assumed, told = make_predictor("assumed-height"), make_predictor("true-height")
    mean = population_from(load_weights()).height_m
    for height in (1.2, 1.95):
        expected = 3.0 * (mean / height - 1)
        assert distance_error(assumed, height) == pytest.approx(expected, abs=0.35 * abs(expected))
        assert abs(distance_error(told, height)) < 0.25


def test_the_oracle_takes_an_unknown_height_from_the_joints() -> None:
    sample, environment = case(1.9)
    pose = the_pose(make_predictor("true-height"), replace(sample, info={}), environment)
    assert pose.mid_hip_distance_m == pytest.approx(
        float(np.linalg.norm(sample.joints[0, MID_HIP])), rel=0.08
    )


def test_floor_contact_does_not_depend_on_body_height() -> None:
    floor = make_predictor("floor-contact")
    assert max(abs(distance_error(floor, height)) for height in (1.5, 1.7, 1.9)) < 0.3
    sample, environment = case(1.7)
    environment.rig = replace(environment.rig, camera=replace(CAMERA, height_m=None))
    with pytest.raises(SessionError, match=r"camera\.height_m"):
        floor(sample, environment)


@pytest.mark.parametrize(
    "name", ["assumed-height", "depth-regression", "floor-contact", "true-height", "vision-only"]
)
def test_image_baselines_do_not_depend_on_sound(name: str) -> None:
    sample, environment = case(1.7)
    predictor = make_predictor(name)
    pose = the_pose(predictor, sample, environment)
    deaf = the_pose(predictor, replace(sample, rir=np.zeros_like(sample.rir)), environment)
    np.testing.assert_array_equal(pose.joints, deaf.joints)
    assert pose.scale_source == "height"
    (keys,) = sample.keypoints
    off = np.linalg.norm(CAMERA.project(pose.joints) - keys.pixels[:15, :2], axis=1)
    assert off.max() < 25
    blind = replace(sample, keypoints=(replace(keys, pixels=keys.pixels * [1.0, 1.0, 0.0]),))
    assert predictor(blind, environment) == [None]


@pytest.mark.parametrize("name", ["audio-only", "first-arrival"])
def test_listening_baselines_do_not_look(name: str) -> None:
    sample, environment = case(1.7)
    predictor = make_predictor(name)
    blind = replace(sample, keypoints=(replace(sample.keypoints[0], pixels=np.zeros((25, 3))),))
    pose, unseen = (the_pose(predictor, s, environment) for s in (sample, blind))
    np.testing.assert_array_equal(pose.joints, unseen.joints)
    assert pose.scale_source == "sound"


def test_no_baseline_but_the_oracle_reads_the_truth() -> None:
    sample, environment = case(1.7)
    secret = replace(sample, joints=np.full((1, 25, 3), np.nan), info={})
    for name in PREDICTORS:
        if name != "true-height":
            first = the_pose(make_predictor(name), sample, environment)
            second = the_pose(make_predictor(name), secret, environment)
            np.testing.assert_array_equal(first.joints, second.joints)


def test_each_of_several_people_is_lifted_as_if_alone() -> None:
    sample, environment = case(1.7)
    other = sample.joints[0] + np.array([0.9, 0.0, 0.5])
    both = replace(
        sample,
        joints=np.stack([sample.joints[0], other]),
        keypoints=(*sample.keypoints, seen(other)),
        info={"persons": [{"height_m": 1.7}, {"height_m": 1.7}]},
    )
    for name in ("true-height", "floor-contact", "audio-only"):
        predictor = make_predictor(name)
        poses = predictor(both, environment)
        assert len(poses) == 2
        for k, pose in enumerate(poses):
            assert pose is not None
            alone = the_pose(predictor, both.alone(k), environment)
            np.testing.assert_array_equal(pose.joints, alone.joints)


@pytest.mark.parametrize("place", [(0.0, 2.0), (0.6, 3.0), (-0.8, 4.0)])
def test_multilateration_finds_a_small_thing_between_spread_pairs(
    place: tuple[float, float],
) -> None:
    point = np.array([place[0], 0.1, place[1]])
    kernels = make_kernels(analytic_signal(impulses(SPREAD_RIG, point), RATE, BAND), RATE, BAND)
    arrival = first_arrivals_s(kernels, SPREAD_RIG)
    # A tenth of the peak is reached before it: the band's own ripples, 0.4 ms.
    np.testing.assert_allclose(arrival, SPREAD_RIG.arrival_s(point[None])[:, 0], atol=0.5e-3)
    found = locate(SPREAD_RIG.arrival_s(point[None])[:, 0], SPREAD_RIG)
    front = found * (
        1 - 0.16 / np.linalg.norm(found)
    )  # it takes what it hears for the front of a body
    assert np.linalg.norm(front - point) < 0.2


def test_one_pair_with_a_wall_path_does_not_move_the_result() -> None:
    point = np.array([0.3, 0.1, 2.5])
    arrival = SPREAD_RIG.arrival_s(point[None])[:, 0]
    arrival[2] += 2 * 1.5 / 343.4
    assert np.linalg.norm(locate(arrival, SPREAD_RIG) - point) < 0.5


def test_too_short_responses_are_refused_with_what_is_needed() -> None:
    kernels = make_kernels(np.ones((4, 60), np.complex64), RATE, BAND)
    with pytest.raises(SessionError, match=r"0\.7 m is needed"):
        first_arrivals_s(kernels, SPREAD_RIG)


def test_sound_features_ignore_gain_and_the_order_of_pairs() -> None:
    rir = np.random.default_rng(0).normal(size=(6, 640))
    rig = compact_rig()
    features = sound_features(make_kernels(analytic_signal(rir, RATE, BAND), RATE, BAND), rig)
    order = [3, 1, 0, 5, 4, 2]
    shuffled = replace(rig, pairs=rig.pairs[order])
    other = sound_features(
        make_kernels(analytic_signal(20 * rir[order], RATE, BAND), RATE, BAND), shuffled
    )
    np.testing.assert_allclose(other, features, atol=1e-4)


def test_the_fit_gives_limbs_their_lengths_and_stays_on_the_rays() -> None:
    population = population_from(load_weights())
    truth = standing(1.7)[:15]
    start = truth / truth[MID_HIP, 2]
    start[4] *= 1.06  # a wrist too deep
    a, b = np.array(BONES).T
    for height in (1.3, 1.8):
        fitted = fit_body(BaselinePose(start, 3.0, 0.1, np.full(15, 0.03)), population, height)
        length = np.linalg.norm(fitted[a] - fitted[b], axis=1)
        off = np.abs(np.log(length / population.bone_lengths(height))) / population.log_sigma
        assert np.median(off) < 1.5
        rays = start / start[:, 2:]
        assert np.abs(fitted / fitted[:, 2:] - rays).max() < 0.03
        assert population.height_of(fitted) == pytest.approx(height, rel=0.05)


def test_the_view_does_not_change_when_the_camera_turns() -> None:
    rays = standing(1.7, (0.3, 3.0)) @ turn_to(np.array([0.2, -0.1, 1.0])).T
    known = np.isfinite(rays[:, 0])
    turned = view_from(rays / rays[:, 2:], known)
    level = standing(1.7, (0.3, 3.0))
    straight = view_from(level / level[:, 2:], known)
    assert turned.size == pytest.approx(straight.size, rel=0.02)
    np.testing.assert_allclose(turned.xy, straight.xy, atol=0.08)
    centre = np.where(known[:, None], turned.xy, np.nan)
    np.testing.assert_allclose(
        np.nanmax(centre, axis=0) + np.nanmin(centre, axis=0), 0.0, atol=0.05
    )


def test_turn_to_is_the_smallest_rotation() -> None:
    for d in np.random.default_rng(0).uniform([-1, -1, 0.2], [1, 1, 1], (20, 3)):
        r = turn_to(d)
        np.testing.assert_allclose(r @ r.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(r[:, 2], d / np.linalg.norm(d), atol=1e-12)
        assert np.trace(r) == pytest.approx(1 + 2 * d[2] / np.linalg.norm(d))


def test_people_stand_before_their_cameras() -> None:
    people = sample_people(6, 0, "val")
    s = view_people(people, 40, np.random.default_rng(0))
    assert s.joints.shape == (40, 25, 3)
    assert (s.joints[..., 2] > 0.3).all()
    off = s.joints[..., :2] / s.joints[..., 2:] - s.rays[..., :2]
    assert 0.002 < np.median(np.linalg.norm(off[s.seen], axis=-1)) < 0.03
    below = []
    for height, tilt, roll, joints in zip(
        s.camera_height_m, s.tilt_deg, s.roll_deg, s.joints, strict=True
    ):
        camera = replace(CAMERA, height_m=float(height), tilt_deg=float(tilt), roll_deg=float(roll))
        below.append(camera.to_room(joints)[:, 2].min())
    np.testing.assert_allclose(below, 0.05, atol=0.12)


def test_the_detectors_errors_carry_over_to_other_scenes() -> None:
    rng = np.random.default_rng(0)
    people = sample_people(30, 0, "val")
    scenes, others = view_people(people, 300, rng), view_people(people, 300, rng)
    errors = detector_errors(scenes, rng)
    direct, carried = detected(others, rng), apply_errors(others, errors, rng)
    typical = []
    for s in (direct, carried):
        true = s.joints[..., :2] / s.joints[..., 2:]
        off = np.linalg.norm(s.rays[..., :2] - true, axis=-1) / person_size(true)[:, None]
        typical.append((np.median(off[s.seen]), s.seen[:, :15].mean()))
    np.testing.assert_allclose(typical[1], typical[0], rtol=0.2)
    assert not carried.seen[:, [20, 23]].any()  # the detector has no small toes


def test_a_network_of_known_weights() -> None:
    one = np.eye(2, dtype=np.float32)
    zero = np.zeros(2, np.float32)
    net = Mlp(zero, one[0] + one[1], ((one, zero), (2 * one, zero), (-one, zero)))
    # First layer leaks to (1, -0.1), the second adds itself to it, the last has no rectifier.
    np.testing.assert_allclose(net([1.0, -1.0]), [-3.0, 0.12], rtol=1e-6)


def test_unreadable_and_incomplete_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train-baselines"):
        load_weights(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match="train-baselines"):
        load_weights(tmp_path / "broken.npz")
    with pytest.raises(ModelError, match="lift/weight0"):
        mlp_from({"lift/weight1": np.zeros((1, 1), np.float32)}, "lift")


def test_shipped_weights_are_small() -> None:
    assert (
        Path(str(resources.files("export.baselines") / "data" / "baselines.npz")).stat().st_size
        < 3e6
    )
