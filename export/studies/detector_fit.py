"""Fits the 2D detector's error model to MoveNet's real errors on a calibrated video with reference
joints.

Every frame is used as it is, cropped, and with an occluder painted over a part of the person, so
that errors of joints outside the image and of occluded joints are measured, too. The reference is
triangulated from four views by another network: errors common to all views do not show, and where
the two networks call other places by the same name, the bias says so.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from edge.core.arrays import Array, Image
from edge.core.errors import SessionError
from edge.core.rig import Camera
from edge.sight.people import PeopleFinder
from export.simulate.detector_errors import (
    COVERED,
    FAR,
    GROUPS,
    JOINTS,
    MIRROR,
    NEAR,
    NEVER_SEEN,
    QUANTILES,
    SWAPPED_PARTS,
    DetectorModel,
    person_size,
    side_view,
    visibility,
)
from export.simulate.video.calibration import frame_size, load_calibration, read_frames

REFERENCE_STEP = 2
# Versions of a frame: axis that is cut, share of the person that remains, painted over or not.
VIEWS = (
    (None, 1.0, False),
    (1, 0.55, False),
    (1, 0.8, False),
    (0, 0.6, False),
    (1, 0.55, True),
    (1, 0.75, True),
    (0, 0.65, True),
)
COVERED_SHARE = 0.15  # assumed: nothing in the video occludes the person
SWAP_SIDE = 0.05  # assumed: nobody in the video is seen exactly from the side
SWAP_MARGIN = 0.6  # swapped sides must leave less than this of the error
# With a larger median error of the free joints the person counts as not detected.
FAILED = 0.1
LEAST = 40  # errors needed to fit a joint by itself


def observations(video: Path, models: Path) -> Iterator[tuple[int, Array, Array, Array, Camera]]:
    """(view, keypoints (25, 3), true pixels (25, 2), joints (25, 3) camera frame, camera) of each
    frame where someone was found.

    video: folder with Calib.qca.txt, camNN.mp4 and joints3d.npz. models: MoveNet's. Raises
    SessionError.
    """
    movies = sorted(video.glob("cam*.mp4"))
    if not movies:
        raise SessionError(
            f"{video}: no camNN.mp4 in it, the folder of a calibrated video is needed"
        )
    try:
        with np.load(video / "joints3d.npz") as data:
            world = np.asarray(data["joints"], np.float64)
    except (OSError, KeyError, ValueError) as e:
        raise SessionError(f"{video}/joints3d.npz: no reference joints ({e})") from e
    calibration = load_calibration(video / "Calib.qca.txt", {m.stem: frame_size(m) for m in movies})
    for calibrated in calibration:
        camera, joints = calibrated.camera, calibrated.from_world(world)
        true = camera.project(np.nan_to_num(joints, nan=1.0))
        true[~np.isfinite(joints[..., 0])] = np.nan
        for view, (axis, share, painted) in enumerate(VIEWS):
            detect = PeopleFinder(models, 1)
            for index, image in enumerate(
                read_frames(video / f"{calibrated.serial}.mp4", REFERENCE_STEP)
            ):
                changed, size = _version(
                    image, true[min(index, len(true) - 1)], axis, share, painted
                )
                people = detect(changed)
                if people and index < len(true):
                    cut = Camera(*size, camera.fx, camera.fy, camera.cx, camera.cy)
                    pixels = min((p.pixels for p in people), key=_far_from(true[index]))
                    yield view, pixels, true[index], joints[index], cut


def _far_from(true: Array) -> Callable[[Array], float]:
    """How far keypoints (25, 3) are from the true pixels (25, 2)."""
    return lambda pixels: float(np.nanmedian(np.linalg.norm(pixels[:, :2] - true, axis=1)))


def _version(
    image: Image, true: Array, axis: int | None, share: float, painted: bool
) -> tuple[Image, tuple[int, int]]:
    """The image cropped, or grey, beyond a share of the person; its width and height."""
    height, width = image.shape[:2]
    if axis is None:
        return image, (width, height)
    low, high = np.nanmin(true[:, axis]), np.nanmax(true[:, axis])
    edge = int(np.clip(low + share * (high - low), 32, (width, height)[axis] - 1))
    if painted:
        image = image.copy()
        image[(slice(None), slice(edge, None)) if axis == 0 else slice(edge, None)] = 96
        return image, (width, height)
    kept = image[:, :edge] if axis == 0 else image[:edge]
    return np.ascontiguousarray(kept), (kept.shape[1], kept.shape[0])


def fit_detector(video: Path, models: Path) -> tuple[DetectorModel, dict[str, int]]:
    """The model, and the number of errors of each group. Raises SessionError."""
    errors: list[Array] = []
    groups: list[npt.NDArray[np.int64]] = []
    confidences: list[Array] = []
    swaps: list[list[bool]] = []
    for view, keypoints, true, joints, camera in observations(video, models):
        size = person_size(true)
        pixels, confidence = keypoints[:, :2], keypoints[:, 2]
        side = bool(side_view(true, size))
        swapped = []
        for part in map(list, SWAPPED_PARTS):
            there, other = (
                np.nanmedian(np.linalg.norm(p[part] - true[part], axis=1))
                for p in (pixels, pixels[MIRROR])
            )
            swapped.append(bool(other < SWAP_MARGIN * there and there > FAILED / 2 * size))
            if swapped[-1]:
                pixels[part], confidence[part] = pixels[MIRROR][part], confidence[MIRROR][part]
        if view == 0 and not side:
            swaps.append(swapped)
        group = visibility(np.nan_to_num(true, nan=1.0), np.nan_to_num(joints, nan=1.0), camera)
        axis, share, painted = VIEWS[view]
        if painted and axis is not None:
            low, high = np.nanmin(true[:, axis]), np.nanmax(true[:, axis])
            group[true[:, axis] > low + share * (high - low)] = COVERED
        error = (pixels - true) / size
        free = (group == NEAR) & np.isfinite(error).all(axis=1)
        if free.sum() < 5 or np.median(np.linalg.norm(error[free], axis=1)) > FAILED:
            continue
        errors.append(error)
        groups.append(group)
        confidences.append(confidence)
    counts = {name: int(sum((g == k).sum() for g in groups)) for k, name in enumerate(GROUPS)}
    if min(counts.values()) < LEAST or not swaps:
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise SessionError(
            f"{video}: the detector's errors of {found} joints are too few, {LEAST} of each are "
            "needed"
        )
    return _fit(np.array(errors), np.array(groups), np.array(confidences), np.array(swaps)), counts


def _fit(
    errors: Array, groups: npt.NDArray[np.int64], confidences: Array, swaps: npt.NDArray[np.bool_]
) -> DetectorModel:
    """errors (N, 25, 2), groups and confidences (N, 25), swaps (V, 2): of upper and lower body."""
    bias = np.zeros((JOINTS, 2))
    for joint in range(JOINTS):
        near = np.concatenate(
            [errors[groups[:, j] == NEAR, j] for j in {joint, int(MIRROR[joint])}]
        )
        if joint not in NEVER_SEEN:
            # With four views of one person the horizontal bias would be chance.
            bias[joint, 1] = np.nanmedian(near[:, 1])
    residual = errors - bias
    scale, freedom = np.zeros((len(GROUPS), JOINTS)), np.zeros(len(GROUPS))
    curves = np.zeros((len(GROUPS), JOINTS, len(QUANTILES)))
    for g in range(len(GROUPS)):
        pooled = residual[groups == g]
        pooled = pooled[np.isfinite(pooled).all(axis=1)]
        common = _spread(pooled)
        for joint in range(JOINTS):
            if joint in NEVER_SEEN:
                continue
            both = [(groups[:, j] == g, j) for j in {joint, int(MIRROR[joint])}]
            own = np.concatenate([residual[at, j] for at, j in both])
            own = own[np.isfinite(own).all(axis=1)]
            scale[g, joint] = _spread(own) if len(own) >= LEAST else common
            known = np.concatenate([confidences[at, j] for at, j in both])
            known = (
                known
                if len(known) >= LEAST
                else confidences[:, [j for j in range(JOINTS) if j not in NEVER_SEEN]][
                    groups[:, [j for j in range(JOINTS) if j not in NEVER_SEEN]] == g
                ]
            )
            curves[g, joint] = np.quantile(known, QUANTILES)
        where = groups == g
        standard = residual / np.maximum(scale[g], 1e-6)[None, :, None]
        standard = standard[where]
        standard = standard[
            np.isfinite(standard).all(axis=1) & (np.abs(standard) < 1e3).all(axis=1)
        ]
        freedom[g] = float(np.clip(_freedom(standard), 2.2, 30.0))
        # Median absolute values above are the normal's; Student's t of this freedom has larger ones
        # for the same scale.
        scale[g] *= stats.norm.ppf(0.75) / stats.t.ppf(0.75, freedom[g])
    return DetectorModel(
        bias=bias,
        scale=scale,
        freedom=freedom,
        correlation=_correlation(residual, groups),
        confidence=curves,
        trust=_trust(residual, groups, confidences, scale),
        swap=(swaps.sum(axis=0) + 0.5) / (len(swaps) + 1.0),
        swap_side=SWAP_SIDE,
        covered=COVERED_SHARE,
    )


def _spread(errors: Array) -> float:
    """Robust standard deviation of the components of errors (K, 2) around 0."""
    return float(np.median(np.abs(errors)) / stats.norm.ppf(0.75))


def _freedom(standard: Array) -> float:
    """Degrees of freedom of Student's t by the ratio of 95th percentile to median (K, 2)."""
    size = np.abs(standard)
    found = np.quantile(size, 0.95) / np.median(size)
    candidates = np.linspace(1.5, 30.0, 200)
    ratios = stats.t.ppf(0.975, candidates) / stats.t.ppf(0.75, candidates)
    return float(candidates[np.abs(ratios - found).argmin()])


def _correlation(residual: Array, groups: npt.NDArray[np.int64]) -> Array:
    """Correlation (25, 25) of the errors of free joints, from Kendall's tau, which is robust to
    tails; mean of both components.
    """
    out = np.eye(JOINTS)
    known = [j for j in range(JOINTS) if j not in NEVER_SEEN]
    for i in known:
        for j in known:
            both = (
                (groups[:, i] == NEAR)
                & (groups[:, j] == NEAR)
                & np.isfinite(residual[:, [i, j]]).all(axis=(1, 2))
            )
            if i < j and both.sum() >= LEAST:
                tau = np.mean(
                    [
                        stats.kendalltau(residual[both, i, k], residual[both, j, k]).statistic
                        for k in (0, 1)
                    ]
                )
                out[i, j] = out[j, i] = np.sin(0.5 * np.pi * tau)
    values, vectors = np.linalg.eigh(out)
    out = (vectors * np.maximum(values, 0.01)) @ vectors.T
    d = np.sqrt(np.diagonal(out))
    return np.asarray(out / d[:, None] / d)


def _trust(
    residual: Array, groups: npt.NDArray[np.int64], confidences: Array, scale: Array
) -> float:
    """Minus the rank correlation of confidence and error, mean over the joints in view."""
    found = []
    for g in (NEAR, FAR):
        for j in range(JOINTS):
            at = (groups[:, j] == g) & np.isfinite(residual[:, j]).all(axis=1)
            if j not in NEVER_SEEN and at.sum() >= LEAST and scale[g, j] > 0.0:
                found.append(
                    -stats.spearmanr(
                        confidences[at, j], np.linalg.norm(residual[at, j], axis=1)
                    ).statistic
                )
    return float(np.clip(np.nanmean(found), 0.0, 0.95)) if found else 0.0
