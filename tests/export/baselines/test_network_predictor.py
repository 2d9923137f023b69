"""A trained lifter with an input changed, as in the tables of results."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.core.errors import ConfigError, SessionError
from edge.core.pose import LiftedPose
from edge.lifting.lifter import MODELS
from edge.sound.pose_kernel import Kernels
from edge.sources.session.dataset import Environment, Sample
from export.baselines.network_predictor import NetworkPredictor
from tests.support.bodies import compact_rig, seen, standing
from tests.support.scenes.lifter import BAND, RATE, echo

pytestmark = pytest.mark.export

MODEL = MODELS / "lifter_ray_int8.tflite"
HISS = 0.002


def environment(name: str) -> Environment:
    return Environment(Path(name), compact_rig(), RATE, BAND, [])


def sample(distance: float, seed: int = 0, clean: bool = True) -> Sample:
    joints = standing(1.7, (0.2, distance))
    silent = echo(joints, seed=seed).analytic.real
    noise = HISS * np.random.default_rng(seed).normal(size=silent.shape)
    return Sample(
        "0",
        (silent + noise).astype(np.float32),
        joints[None],
        (seen(joints),),
        {},
        silent if clean else None,
    )


def lifted(variant: str, s: Sample) -> LiftedPose:
    (pose,) = NetworkPredictor(MODEL, variant)(s, environment("environment1"))
    assert pose is not None
    return pose


def test_without_a_variant_the_scale_comes_from_sound() -> None:
    # One true recording in twenty is not sure enough, by the threshold's own choice.
    poses = [lifted("", sample(2.6, seed)) for seed in range(6)]
    assert sum(pose.scale_source == "sound" for pose in poses) >= 5
    assert all(0.5 < pose.sound_confidence <= 1.0 for pose in poses)


def test_silent_has_no_sound_and_reports_it() -> None:
    pose = lifted("silent", sample(2.6))
    assert pose.scale_source == "floor"
    assert np.isnan(pose.sound_confidence)


def test_a_picture_of_a_person_gets_no_scale_from_sound() -> None:
    """Only noise is left: the pose is the image's estimate, wherever the removed person was."""
    people = [sample(distance, seed=k) for k, distance in enumerate((2.0, 2.6, 3.2, 3.8))]
    poses = [lifted("nobody", s) for s in people]
    assert [p.scale_source for p in poses].count("floor") >= 3
    assert max(p.sound_confidence for p in poses) < min(
        lifted("", s).sound_confidence for s in people
    )


def test_the_variant_nobody_needs_responses_without_noise() -> None:
    with pytest.raises(SessionError, match=r"environment1/0: has no rir_clean\.npy"):
        lifted("nobody", sample(2.6, clean=False))


def test_shuffled_is_the_sound_of_another_room() -> None:
    predictor = NetworkPredictor(MODEL, "shuffled")
    with pytest.raises(SessionError, match="no other room"):
        predictor(sample(2.6), environment("environment1"))
    far, near = sample(3.8, seed=1), sample(2.0)
    (pose,) = predictor(far, environment("environment2"))
    (with_near,) = NetworkPredictor(MODEL)(
        replace(far, rir=sample(2.6).rir), environment("environment2")
    )
    assert pose is not None
    assert with_near is not None
    np.testing.assert_allclose(pose.joints, with_near.joints, atol=1e-6)
    assert predictor(near, environment("environment2")) != [None]


def test_variants_add_up() -> None:
    s = sample(2.6)
    both, silent, unknown = (
        lifted(v, s).joints for v in ("no-height+silent", "silent", "no-height")
    )
    assert np.abs(both - silent).max() > 0.01
    assert np.abs(both - unknown).max() > 0.01


def test_pairs_may_be_reversed_or_left_out() -> None:
    s = sample(2.6)
    whole, back, few = (lifted(v, s).joints for v in ("", "reversed", "2-pairs"))
    np.testing.assert_allclose(back, whole, atol=1e-3)
    assert np.abs(few - whole).max() > 1e-3


def test_noise_is_added_as_far_below_the_echo_as_asked_and_told() -> None:
    s, rig = sample(2.6, clean=False), compact_rig()
    s = replace(s, rir=echo(s.joints[0]).analytic.real)
    heard: list[Kernels] = []
    predictor = NetworkPredictor(MODEL, "12-db")
    lift = predictor.lift
    predictor.lift = lambda people, kernels, rig, sizes: (
        heard.append(kernels) or lift(people, kernels, rig, sizes)
    )
    predictor(s, environment("environment1"))
    predictor.variants = []
    predictor(s, environment("environment1"))
    noisy, clean = heard
    arrival = int(rig.arrival_s(s.joints[0, 8]).mean() * RATE)
    near = slice(arrival - 60, arrival + 60)
    noise = np.sqrt(np.mean(np.abs(noisy.analytic - clean.analytic) ** 2))
    below_db = 20.0 * np.log10(np.sqrt(np.mean(clean.envelope[:, near] ** 2)) / noise)
    assert below_db == pytest.approx(12.0, abs=1.0)
    assert clean.sigma is None
    assert noisy.sigma is not None
    np.testing.assert_allclose(noisy.sigma, noise, rtol=0.05)


def test_a_known_size_is_told_as_wrong_as_it_says() -> None:
    told: list[float] = []
    predictor = NetworkPredictor(MODEL, "silent+sized")
    predictor.lift = lambda people, kernels, rig, sizes: told.append(sizes[0].log_height) or [None]
    for k in range(60):
        predictor(replace(sample(2.6), name=str(k)), environment("environment1"))
    off = np.array(told) - np.log(1.7)
    assert off.std() == pytest.approx(0.025, rel=0.4)
    assert abs(off.mean()) < 0.015
    assert len(set(told)) == 60
    again = NetworkPredictor(MODEL, "silent+sized")(sample(2.6), environment("environment1"))[0]
    assert again is not None
    assert again.scale_source == "memory"


def test_a_wrong_height_needs_a_height() -> None:
    rig = replace(compact_rig(), camera=replace(compact_rig().camera, height_m=None))
    unknown = replace(environment("environment1"), rig=rig)
    with pytest.raises(SessionError, match="height is not known"):
        NetworkPredictor(MODEL, "60-cm")(sample(2.6), unknown)


@pytest.mark.parametrize("variant", ["louder", "silent+louder", "-pairs", "silent+"])
def test_an_unknown_variant_is_refused(variant: str) -> None:
    with pytest.raises(ConfigError, match="the variant is unknown"):
        NetworkPredictor(MODEL, variant)
