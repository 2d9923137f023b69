"""Errors of 3D poses and their summaries with bootstrap intervals. Plain numpy; every length is in
metres.

A joint that is missing in the truth is left out. A sample without a pose (all predicted joints NaN)
has no distance errors, but all its joints count as misses in PCK, so that a lifter gains nothing by
refusing hard samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.pose import MID_HIP
from edge.core.stature import standing_height

Statistic = Literal["mean", "median", "rms", "median_abs"]

PCK_M = (0.10, 0.15, 0.20)
RESAMPLES = 1000
CHUNK = 4_000_000  # drawn indices held at once


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """A statistic and its 95 % interval; NaN where no sample has the quantity. samples: with it."""

    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A reported statistic. errors: key of `sample_errors`. unit: m, or share (0..1)."""

    name: str
    errors: str
    statistic: Statistic
    unit: Literal["m", "share"]
    title: str


MEASURES = (
    Measure("mpjpe_median", "mpjpe", "median", "m", "MPJPE median"),
    Measure("mpjpe_mean", "mpjpe", "mean", "m", "MPJPE mean"),
    Measure("root_aligned_median", "root_aligned", "median", "m", "root-aligned median"),
    Measure("root_aligned_mean", "root_aligned", "mean", "m", "root-aligned mean"),
    Measure("pa_mpjpe_median", "pa_mpjpe", "median", "m", "PA-MPJPE median"),
    Measure("pa_mpjpe_mean", "pa_mpjpe", "mean", "m", "PA-MPJPE mean"),
    *(
        Measure(
            f"pck_{100 * t:.0f}cm", f"pck_{100 * t:.0f}cm", "mean", "share", f"PCK {100 * t:.0f} cm"
        )
        for t in PCK_M
    ),
    Measure("mid_hip_median", "mid_hip", "median_abs", "m", "mid-hip distance median"),
    Measure("mid_hip_rmse", "mid_hip", "rms", "m", "mid-hip distance RMSE"),
    Measure("mid_hip_bias", "mid_hip", "mean", "m", "mid-hip distance bias"),
    Measure("height_median", "height", "median_abs", "m", "height error median"),
    Measure("height_bias", "height", "mean", "m", "height bias"),
    Measure("within_sigma", "within_sigma", "mean", "share", "joints within 1 sigma"),
    Measure(
        "mid_hip_within_sigma",
        "mid_hip_within_sigma",
        "mean",
        "share",
        "mid-hip distance within 1 sigma",
    ),
)


def joint_errors(joints: Array, truth: Array) -> Array:
    """Distance of joints (N, J, 3) from their true places -> (N, J); NaN where unknown."""
    return np.asarray(np.linalg.norm(joints - truth, axis=-1))


def root_aligned_errors(joints: Array, truth: Array, root: int = MID_HIP) -> Array:
    """The same with both roots at the origin; NaN rows where a root is unknown."""
    return joint_errors(joints - joints[:, root : root + 1], truth - truth[:, root : root + 1])


def procrustes_errors(joints: Array, truth: Array) -> Array:
    """The same after the best rotation, scale and shift of each pose (no mirroring): (N, J).

    NaN where a joint is unknown, and for poses with fewer than three known joints.
    """
    out = np.full(joints.shape[:2], np.nan)
    known = np.asarray(np.isfinite(joints).all(-1) & np.isfinite(truth).all(-1))
    for i in np.flatnonzero(known.sum(1) >= 3):
        k = known[i]
        p, q = joints[i, k], truth[i, k]
        a, b = p - p.mean(0), q - q.mean(0)
        u, s, vt = np.linalg.svd(a.T @ b)
        s[-1] *= np.sign(np.linalg.det(u @ vt))
        u[:, -1] *= np.sign(np.linalg.det(u @ vt))
        size = np.sum(a**2)
        scale = s.sum() / size if size > 0 else 0.0
        out[i, k] = np.linalg.norm(scale * a @ u @ vt - b, axis=1)
    return out


def sample_errors(joints: Array, sigma: Array, truth: Array) -> dict[str, Array]:
    """Errors per sample (N,) by name, from joints (N, 15, 3), their 1-sigma (N, 15) and the truth
    (N, 15, 3), all in metres.

    mpjpe, root_aligned, pa_mpjpe: mean over the known joints. pck_*: share of the known joints
    within the distance. mid_hip, height: estimate minus truth (the height from limb lengths, the
    same way on both). within_sigma: share of the joints whose error is at most their 1-sigma;
    mid_hip_within_sigma: 0 or 1, for the distance of the mid-hip. Raises ValueError on shapes that
    do not fit.
    """
    n = len(truth)
    if joints.shape != (n, 15, 3) or truth.shape != (n, 15, 3) or sigma.shape != (n, 15):
        raise ValueError(
            f"joints {joints.shape}, sigma {sigma.shape}, truth {truth.shape}: (N, 15, 3), (N, "
            "15), (N, 15, 3) are needed"
        )
    error = joint_errors(joints, truth)
    known = np.isfinite(truth).all(-1)
    distance = np.linalg.norm(joints[:, MID_HIP], axis=-1) - np.linalg.norm(
        truth[:, MID_HIP], axis=-1
    )
    heights = [np.array([standing_height(pose) for pose in poses]) for poses in (joints, truth)]
    out = {
        "mpjpe": _row_mean(error),
        "root_aligned": _row_mean(root_aligned_errors(joints, truth)),
        "pa_mpjpe": _row_mean(procrustes_errors(joints, truth)),
        "mid_hip": distance,
        "height": (heights[0] - heights[1]).reshape(n),
        "within_sigma": _row_mean(np.where(np.isfinite(error), error <= sigma, np.nan)),
        "mid_hip_within_sigma": np.where(
            np.isfinite(distance), np.abs(distance) <= sigma[:, MID_HIP], np.nan
        ),
    }
    for threshold in PCK_M:
        out[f"pck_{100 * threshold:.0f}cm"] = _row_mean(np.where(known, error <= threshold, np.nan))
    return out


def summarise(
    errors: Mapping[str, Array], select: npt.NDArray[np.bool_] | None = None, seed: int = 0
) -> dict[str, ConfidenceInterval]:
    """Every one of MEASURES over the selected samples (N,) of `sample_errors`, by name."""
    return {
        m.name: bootstrap(
            errors[m.errors] if select is None else errors[m.errors][select], m.statistic, seed=seed
        )
        for m in MEASURES
    }


def bootstrap(
    values: Array, statistic: Statistic, resamples: int = RESAMPLES, seed: int = 0
) -> ConfidenceInterval:
    """Statistic of values (N,) and its 95 % interval over resampled samples, without NaN."""
    v = np.asarray(values, np.float64)
    v = v[np.isfinite(v)]
    if len(v) == 0:
        return ConfidenceInterval(float("nan"), float("nan"), float("nan"), 0)
    if statistic == "median_abs":
        v = np.abs(v)
    rng = np.random.default_rng(seed)
    per_chunk = max(1, CHUNK // len(v))
    drawn = [
        _apply(v[rng.integers(len(v), size=(min(per_chunk, resamples - start), len(v)))], statistic)
        for start in range(0, resamples, per_chunk)
    ]
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    return ConfidenceInterval(float(_apply(v[None], statistic)[0]), float(low), float(high), len(v))


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's correlation of two (N,) arrays where both are finite; NaN for under three."""
    ok = np.isfinite(a) & np.isfinite(b)
    if ok.sum() < 3:
        return float("nan")
    ranks = [_ranks(x[ok]) for x in (a, b)]
    centred = [r - r.mean() for r in ranks]
    scale = float(np.sqrt(np.sum(centred[0] ** 2) * np.sum(centred[1] ** 2)))
    return float(np.sum(centred[0] * centred[1]) / scale) if scale > 0 else float("nan")


def _apply(values: Array, statistic: Statistic) -> Array:
    if statistic == "mean":
        return np.asarray(values.mean(axis=1))
    if statistic == "rms":
        return np.asarray(np.sqrt(np.mean(values**2, axis=1)))
    return np.asarray(np.median(values, axis=1))


def _row_mean(values: Array) -> Array:
    """Mean (N,) of the finite values of each row; NaN for a row without any."""
    ok = np.isfinite(values)
    count = ok.sum(axis=1)
    total = np.where(ok, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _ranks(values: Array) -> Array:
    """Ranks (N,); ties get their mean rank."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[inverse])
