"""What training makes of a stored sample: interference, sizes, noise that is told, other people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'posekernel[train]'")

from edge.core.stature import standing_height
from edge.sound.pose_kernel import analytic_signal
from export.train.samples.augmentation import (
    Augmentation,
    known_body,
    mountings,
    played,
    scaled_rig,
)
from export.train.samples.sound_set import SoundSet
from export.train.vision_training import imagined_people
from tests.export.train.tiny import TINY, UNTOUCHED
from tests.support.scenes.lifter import CAMERA, RATE, make_rig, standing

pytestmark = [pytest.mark.export, pytest.mark.train]


def test_interference_is_as_strong_as_asked(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    for sir_db in (0.0, 12.0):
        ratios = []
        for k in range(20):
            sample = samples.augmented(
                2, replace(UNTOUCHED, sir_db=(sir_db, sir_db)), np.random.default_rng(k)
            )
            clean = samples.samples[2].clean
            arrival = float(sample.rig.arrival_s(sample.joints[8]).mean())
            near = slice(
                int((arrival - 0.7 * 2 / 343) * RATE), int((arrival + 0.7 * 2 / 343) * RATE)
            )
            noise = sample.kernels.analytic - clean
            ratios.append(
                10
                * np.log10(
                    (np.abs(clean[:, near]) ** 2).sum() / (np.abs(noise[:, near]) ** 2).sum()
                )
            )
        assert np.mean(ratios) == pytest.approx(sir_db, abs=0.5)


def test_the_noise_is_told_as_strong_as_it_is(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    only_noise = Augmentation(
        silent=0, foreign=0, drowned=0, wide=0, uneven=0, noise_told=1, noise_error_db=1e-6,
        pair_gain_db=0, world_scale=0, sir_db=(-60.0, -60.0), company=(0.0, 0.0, 0.0),
    )  # fmt: skip
    known = 0
    for seed in range(12):
        sample = samples.augmented(2, only_noise, np.random.default_rng(seed))
        assert sample.kernels.sigma.shape == sample.kernels.envelope.shape
        # The rest of the interference, what is left of the room, is not told.
        rms = np.sqrt((sample.kernels.envelope**2).mean(axis=1))
        assert (sample.kernels.sigma[:, 0] < 1.1 * rms).all()
        known += bool((sample.kernels.sigma[:, 0] > 0.7 * rms).all())
    assert known >= 3
    untold = samples.augmented(2, replace(only_noise, noise_told=0), np.random.default_rng(1))
    assert untold.kernels.sigma is None


def test_a_sound_that_is_not_flat_leaves_less_of_the_echo_where_it_is_weak() -> None:
    rng = np.random.default_rng(0)
    a = Augmentation(uneven=1.0)
    h = rng.normal(size=(2, 3, 640)).astype(np.float32)
    heard, noise = (analytic_signal(x, RATE, (2000.0, 7500.0)) for x in h)
    echo, hiss = played(heard, noise, RATE, (2000.0, 7500.0), a, np.random.default_rng(2))
    gain, spread = (
        np.abs(np.fft.fft(after)[:, 85:295]).mean(axis=0)
        / np.abs(np.fft.fft(before)[:, 85:295]).mean(axis=0)
        for after, before in ((echo, heard), (hiss, noise))
    )
    assert gain.min() < 0.6 < gain.max() <= 1.1
    loud, weak = gain > np.quantile(gain, 0.8), gain < np.quantile(gain, 0.2)
    assert (spread / gain)[weak].mean() > 1.5 * (spread / gain)[loud].mean()
    same = played(heard, noise, RATE, (2000.0, 7500.0), replace(a, uneven=0.0), rng)
    assert same[0] is heard
    assert same[1] is noise


def test_what_is_remembered_of_a_size_is_as_wrong_as_it_says() -> None:
    rng, a = np.random.default_rng(0), Augmentation(size_known=0.7, sigma_error=1e-6)
    joints = np.stack([standing(2.4, CAMERA)[:15]] * 4000)
    body = known_body(joints, a, rng)
    known = np.isfinite(body[:, 0])
    assert known.mean() == pytest.approx(0.7, abs=0.03)
    off = (body[known, 0] - np.log(standing_height(joints[0]))) / body[known, 1]
    assert (off.mean(), off.std()) == pytest.approx((0.0, 1.0), abs=0.05)
    assert body[known, 1].min() >= a.size_sigma[0]
    assert body[known, 1].max() <= a.size_sigma[1]


def test_people_of_the_images_training_stand_for_those_without_sound(dataset: Path) -> None:
    config = replace(TINY, seed=3)
    imagined = imagined_people(config, lambda items, total: items)
    samples = SoundSet([dataset / "train"], imagined=imagined)
    a = replace(config.augmentation, silent=1.0, imagined=1.0)
    drawn = [samples.augmented(0, a, np.random.default_rng(k)) for k in range(30)]
    distances = [float(np.linalg.norm(s.joints[8])) for s in drawn]
    assert all(s.kernels is None for s in drawn)
    assert len(set(distances)) > 8
    stored = {float(np.linalg.norm(s.joints[8])) for s in samples.samples}
    assert not stored & set(distances)
    noise = samples.augmented(
        0, replace(a, silent=0.0, foreign=0.0, drowned=1.0), np.random.default_rng(1)
    )
    assert noise.kernels is not None
    assert not noise.true_sound


def test_a_larger_world_with_faster_sound_has_the_same_arrivals_and_image() -> None:
    rig, joints = make_rig(CAMERA), standing(2.4, CAMERA)
    np.testing.assert_allclose(
        scaled_rig(rig, 1.2).arrival_s(1.2 * joints), rig.arrival_s(joints), rtol=1e-12
    )
    np.testing.assert_allclose(CAMERA.project(1.2 * joints), CAMERA.project(joints), atol=1e-9)


def test_the_floor_is_not_where_the_feet_are_of_as_many_as_asked() -> None:
    n, true_m = 4000, 1.5
    exact = Augmentation(height_known=1.0, height_error_m=0.0, raised=0.25, raised_m=(0.2, 0.9))
    _, told = mountings(
        np.full(n, true_m), np.zeros(n), np.zeros(n), exact, np.random.default_rng(1)
    )
    raised = told > true_m + 0.1
    assert raised.mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(told[~raised], true_m)
    assert told[raised].min() == pytest.approx(true_m + 0.2, abs=0.01)
    assert told[raised].max() == pytest.approx(true_m + 0.9, abs=0.01)
