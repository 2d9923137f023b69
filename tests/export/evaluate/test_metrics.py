"""Every measure against a case whose answer is known by hand."""

import numpy as np
import pytest

from edge.core.arrays import Array
from export.evaluate.metrics import (
    bootstrap,
    joint_errors,
    procrustes_errors,
    rank_correlation,
    root_aligned_errors,
    sample_errors,
    summarise,
)
from tests.support.bodies import standing

pytestmark = pytest.mark.export


def poses(n: int = 1) -> Array:
    return np.stack([standing(1.7, (0.1 * k, 3.0))[:15] for k in range(n)])


def rotation(axis: Array, angle: float) -> Array:
    x, y, z = axis / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k)


def test_a_shift_is_the_absolute_error_and_vanishes_after_root_alignment() -> None:
    truth = poses(2)
    moved = truth + np.array([0.03, 0.0, 0.04])
    np.testing.assert_allclose(joint_errors(moved, truth), 0.05)
    np.testing.assert_allclose(root_aligned_errors(moved, truth), 0.0, atol=1e-12)


def test_procrustes_undoes_turn_size_and_shift_but_no_mirror() -> None:
    truth = poses()
    turned = 1.3 * truth @ rotation(np.array([1.0, 2.0, -0.5]), 1.1).T + [0.5, -1.0, 2.0]
    np.testing.assert_allclose(procrustes_errors(turned, truth), 0.0, atol=1e-9)
    twisted = truth.copy()
    twisted[0, 3] += [0.0, 0.0, -0.4]  # no longer symmetric, so its mirror image is another pose
    assert procrustes_errors(twisted * [1, 1, -1], twisted).mean() > 0.01


def test_procrustes_is_the_least_squares_alignment() -> None:
    rng = np.random.default_rng(0)
    truth, other = poses(), poses() + rng.normal(0, 0.1, (1, 15, 3))
    best = np.sum(procrustes_errors(other, truth) ** 2)
    for _ in range(200):
        r = rotation(rng.normal(size=3), rng.normal(0, 0.05))
        tried = rng.normal(1.0, 0.03) * other @ r.T
        tried += (truth - tried).mean(axis=1, keepdims=True)
        assert np.sum((tried - truth) ** 2) >= best - 1e-9


def test_errors_of_one_sample_by_hand() -> None:
    truth = poses()
    joints = truth.copy()
    joints[0, :3] += [0.0, 0.12, 0.0]
    joints[0, 3] += [0.17, 0.0, 0.0]
    sigma = np.full((1, 15), 0.13)
    e = {k: float(v[0]) for k, v in sample_errors(joints, sigma, truth).items()}
    assert e["mpjpe"] == pytest.approx((3 * 0.12 + 0.17) / 15)
    assert [e[f"pck_{t}cm"] for t in (10, 15, 20)] == pytest.approx([11 / 15, 14 / 15, 1.0])
    assert e["within_sigma"] == pytest.approx(14 / 15)
    assert (e["mid_hip"], e["mid_hip_within_sigma"]) == (0.0, 1.0)


def test_distance_and_height_errors_have_a_sign() -> None:
    truth = poses()
    e = sample_errors(1.1 * truth, np.full((1, 15), 0.1), truth)
    assert e["mid_hip"][0] == pytest.approx(0.1 * np.linalg.norm(truth[0, 8]))
    assert e["mid_hip_within_sigma"][0] == 0.0
    assert e["height"][0] == pytest.approx(0.17, rel=0.02)
    assert e["pa_mpjpe"][0] == pytest.approx(0.0, abs=1e-9)


def test_unknown_joints_are_left_out() -> None:
    truth, joints = poses(2), poses(2)
    joints[0] += [0.0, 0.0, 0.05]
    joints[0, 4] += [0.0, 0.0, 9.0]
    truth[0, 4] = np.nan
    truth[1, 8] = np.nan
    e = sample_errors(joints, np.full((2, 15), 0.1), truth)
    assert e["mpjpe"][0] == pytest.approx(0.05)
    assert e["pck_10cm"][0] == 1.0
    assert e["mpjpe"][1] == pytest.approx(0.0)
    assert np.isnan([e["mid_hip"][1], e["root_aligned"][1], e["mid_hip_within_sigma"][1]]).all()


def test_a_refused_sample_misses_in_pck_and_has_no_distance_error() -> None:
    truth = poses(2)
    joints = truth.copy()
    joints[1] = np.nan
    s = summarise(sample_errors(joints, np.full((2, 15), np.nan), truth))
    assert (s["pck_20cm"].value, s["pck_20cm"].samples) == (0.5, 2)
    assert (s["mpjpe_mean"].value, s["mpjpe_mean"].samples) == (0.0, 1)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 15, 2\)"):
        sample_errors(poses()[..., :2], np.zeros((1, 15)), poses())


def test_statistics_by_hand() -> None:
    v = np.array([-3.0, 1.0, 2.0, np.nan])
    assert bootstrap(v, "mean").value == 0.0
    assert bootstrap(v, "median").value == 1.0
    assert bootstrap(v, "median_abs").value == 2.0
    assert bootstrap(v, "rms").value == pytest.approx(np.sqrt(14 / 3))
    nothing = bootstrap(np.full(3, np.nan), "mean")
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert nothing.samples == 0


def test_the_interval_covers_the_truth_at_its_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(200):
        i = bootstrap(rng.normal(2.0, 1.0, 80), "mean", resamples=300)
        covered.append(i.low <= 2.0 <= i.high)
        assert i.high - i.low == pytest.approx(2 * 1.96 / np.sqrt(80), rel=0.5)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_bootstrap_repeats_and_does_not_depend_on_its_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    v = np.random.default_rng(2).exponential(size=50)
    whole = bootstrap(v, "median")
    assert bootstrap(v, "median") == whole
    monkeypatch.setattr("export.evaluate.metrics.CHUNK", 1000)
    assert bootstrap(v, "median") == whole


def test_rank_correlation() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(x, x**3) == pytest.approx(1.0)
    assert rank_correlation(x, -x) == pytest.approx(-1.0)
    assert rank_correlation(x, np.array([1.0, 1.0, 2.0, np.nan])) == pytest.approx(np.sqrt(3) / 2)
    assert np.isnan(rank_correlation(x, np.ones(4)))
