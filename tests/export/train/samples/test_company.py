"""Several people, and things that were moved, in training samples."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'posekernel[train]'")

from edge.lifting.mirror import mirrored
from edge.lifting.other_people import echoes_of
from edge.sources.session.dataset import load_environment, write_sample
from export.train.samples.augmentation import Augmentation, company
from export.train.samples.sound_set import SampleSound, SoundSet
from tests.export.train.tiny import UNTOUCHED

pytestmark = [pytest.mark.export, pytest.mark.train]

# As recorded, but for the company.
PLAIN = replace(
    UNTOUCHED,
    wide=1,
    wide_sir_db=(300.0, 300.0),
    company=(0.0, 1.0, 0.0),
    apart_m=0.1,
    unseen=0.0,
    others_error=(1e-4, 1.1e-4),
)


def augmented(samples: SoundSet, a: Augmentation, seed: int) -> SampleSound:
    return samples.augmented(2, a, np.random.default_rng(seed))


def heard_people(samples: SoundSet, sample: SampleSound) -> list[int]:
    """Whose clean kernels the sample is the sum of."""
    clean = np.stack([s.clean.ravel() for s in samples.samples]).T
    share = np.linalg.lstsq(clean, sample.kernels.analytic.ravel(), rcond=None)[0]
    assert np.abs(share - np.round(share.real)).max() < 1e-3
    return np.flatnonzero(share.real > 0.5).tolist()


def test_others_of_the_same_room_are_added_and_told(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    for seed in range(6):
        sample = augmented(samples, PLAIN, seed)
        people = heard_people(samples, sample)
        assert 2 in people
        assert len(people) == 3
        others = [samples.samples[k].joints for k in people if k != 2]
        if not np.allclose(sample.joints, samples.samples[2].joints):
            others = [mirrored(j) for j in others]
        true = echoes_of(others, [1e-4] * 2, sample.rig)
        np.testing.assert_allclose(
            np.sort(sample.others.first_s, axis=0), np.sort(true.first_s, axis=0), rtol=1e-3
        )


def test_who_is_not_seen_is_heard_all_the_same(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    sample = augmented(samples, replace(PLAIN, unseen=1.0), 1)
    assert len(sample.others) == 0
    assert len(heard_people(samples, sample)) == 3
    assert sample.true_sound


def test_somebody_on_a_screen_is_not_heard_but_those_in_the_room_are(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    sample = augmented(samples, replace(PLAIN, foreign=1.0), 1)
    people = heard_people(samples, sample)
    assert 2 not in people
    assert len(people) == len(sample.others) == 2
    assert not sample.true_sound


def test_the_others_are_thought_to_be_a_little_elsewhere(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    a = replace(PLAIN, others_error=(0.1, 0.1001))
    off = []
    for seed in range(40):
        exact, thought = (augmented(samples, x, seed) for x in (PLAIN, a))
        off.append(np.log(thought.others.first_s.mean(axis=1) / exact.others.first_s.mean(axis=1)))
    assert np.std(off) == pytest.approx(0.1, rel=0.3)
    assert thought.others.blur_s.mean() > 2.0 * exact.others.blur_s.mean()


def test_the_shares_of_company_are_as_asked() -> None:
    rng, a = np.random.default_rng(0), Augmentation(company=(0.3, 0.2, 0.1))
    drawn = np.bincount([company(a, rng) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(drawn, (0.4, 0.3, 0.2, 0.1), atol=0.03)


def test_each_person_of_a_recording_is_a_sample_and_knows_the_others(
    dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "train"
    shutil.copytree(dataset / "train", folder)
    environment = load_environment(folder / "environment1")
    one, two = list(environment)[:2]
    both = replace(
        one,
        name="99",
        rir=one.rir + two.rir,
        clean=one.clean + two.clean,
        joints=np.concatenate([one.joints, two.joints]),
        keypoints=(*one.keypoints, *two.keypoints),
    )
    write_sample(environment.path, both)
    samples = SoundSet([folder])
    assert len(samples) == 10
    for k, (own, other) in enumerate(((one, two), (two, one))):
        stored = samples.samples[8 + k]
        np.testing.assert_allclose(stored.joints, own.joints[0, :15], atol=1e-5)
        np.testing.assert_allclose(stored.others[0], other.joints[0, :15], atol=1e-5)
        assert len(samples.recorded(8 + k).others) == 1


def test_what_was_moved_is_added_to_the_sound(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "train"
    shutil.copytree(dataset / "train", folder)
    moved = np.random.default_rng(0).normal(size=(2, 6, 640)).astype(np.float32)
    np.save(folder / "environment1" / "rir_changes.npy", moved)
    samples = SoundSet([folder])
    alone = replace(PLAIN, company=(0.0, 0.0, 0.0))
    seen = set()
    for seed in range(8):
        sample = augmented(samples, replace(alone, changed=1.0), seed)
        rest = sample.kernels.analytic - samples.samples[2].clean
        off = [np.abs(rest - change).max() for change in samples.changes[0]]
        assert min(off) < 1e-3
        seen.add(int(np.argmin(off)))
    assert seen == {0, 1}
    still = augmented(samples, replace(alone, changed=0.0), 0)
    np.testing.assert_allclose(still.kernels.analytic, samples.samples[2].clean, atol=1e-4)
