"""A model of a 2D pose detector's errors: biased, heavy-tailed and correlated, with confidences and
swapped sides.

Its numbers (data/detector.json) are fitted to MoveNet by `posekernel-export fit-detector`.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from edge.core.arrays import Array, BoolArray, Rng
from edge.core.errors import ConfigError
from edge.core.files import write_whole
from edge.core.rig import Camera
from edge.lifting.mirror import MIRROR as FIRST_15

JOINTS = 25
NEVER_SEEN = tuple(range(19, 25))  # the feet: MoveNet has none
MIRROR = np.concatenate([FIRST_15, [16, 15, 18, 17, 22, 23, 24, 19, 20, 21]])
# Left and right change names for the arms and shoulders, or for the legs and hips.
SWAPPED_PARTS = ((2, 3, 4, 5, 6, 7), (9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24))
# A joint this much farther from the camera than its mirror image is behind the body.
FAR_SIDE_M = 0.12
# Visibility of a joint: free, behind the body, behind something else, outside the image.
NEAR, FAR, COVERED, OUTSIDE = range(4)
GROUPS = ("near", "far", "covered", "outside")
QUANTILES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True, eq=False)
class DetectorModel:
    """Errors are in units of the person's size: the diagonal of the box around the true joints.

    bias (25, 2): mean error right and down, the same for left and right joints. scale (4, 25): of
    Student's t, by GROUPS. freedom (4,): its degrees of freedom. correlation (25, 25): of two
    joints' errors. confidence (4, 25, 11): its quantiles. trust: correlation of low confidence with
    large errors, 0..1. swap (2,): probability that left and right are swapped in each of
    SWAPPED_PARTS, in a view from front or back. swap_side: in both parts, in a side view. covered:
    probability that something occludes a part of the person.
    """

    bias: Array
    scale: Array
    freedom: Array
    correlation: Array
    confidence: Array
    trust: float
    swap: Array
    swap_side: float
    covered: float

    def save(self, path: Path, source: dict[str, Any]) -> None:
        """Write as JSON. source: a note on what it was fitted to."""
        numbers = {
            k: np.round(v, 4).tolist() if isinstance(v, np.ndarray) else round(v, 4)
            for k, v in vars(self).items()
        }
        text = json.dumps({"source": source, **numbers}, indent=None, separators=(",", ":"))
        write_whole(path, f"{text}\n".encode())

    def observe(
        self, rng: Rng, joints: Array, camera: Camera, hidden: BoolArray | None = None
    ) -> Array:
        """Keypoints (25, 3) u, v [px] and confidence of a person with these joints (25, 3) [m],
        camera frame. hidden: (25,) which joints are behind other people, None: none.

        NaN and confidence 0 where the detector has no such joint. The joints must be in front of
        the camera.
        """
        true = camera.project(
            np.where(joints[:, 2:] > 0.1, joints, joints + np.array([0.0, 0.0, 1.0]))
        )
        size = person_size(true)
        group = visibility(true, joints, camera)
        covered = self._covers(rng, true)
        if hidden is not None:
            covered |= hidden
        group[(group != OUTSIDE) & covered] = COVERED
        each = np.arange(JOINTS)
        freedom = self.freedom[group]
        # Confidence and error are correlated by a Gaussian copula.
        tail = np.sqrt(freedom / rng.chisquare(freedom))
        normal = np.linalg.cholesky(self.correlation + 1e-6 * np.eye(JOINTS)) @ rng.normal(
            size=(JOINTS, 2)
        )
        spread = (self.scale[group, each] * tail)[:, None] * normal
        pixels = true + size * (self.bias + spread)
        wrong = np.linalg.norm(spread, axis=1) / np.maximum(self.scale[group, each], 1e-6)
        rank = np.clip(1.0 - np.exp(-0.5 * wrong**2), 1e-3, 1.0 - 1e-3)
        mixed = -self.trust * ndtri(rank) + np.sqrt(1.0 - self.trust**2) * rng.normal(size=JOINTS)
        levels = ndtr(mixed)
        curves = self.confidence[group, each]
        confidence = np.array(
            [np.interp(x, QUANTILES, curve) for x, curve in zip(levels, curves, strict=True)]
        )
        side = bool(side_view(true, size))
        chance = np.full(2, float(rng.random() < self.swap_side)) if side else self.swap
        for part in (p for p, c in zip(SWAPPED_PARTS, chance, strict=True) if rng.random() < c):
            pixels[list(part)], confidence[list(part)] = (
                pixels[MIRROR][list(part)],
                confidence[MIRROR][list(part)],
            )
        pixels[list(NEVER_SEEN)], confidence[list(NEVER_SEEN)] = np.nan, 0.0
        return np.column_stack([pixels, confidence])

    def _covers(self, rng: Rng, true: Array) -> BoolArray:
        """Joints that a table, sofa or door frame hides: below or beside an edge."""
        if rng.random() >= self.covered:
            return np.zeros(JOINTS, bool)
        axis = int(rng.choice([0, 1], p=[0.3, 0.7]))
        low, high = true[:, axis].min(), true[:, axis].max()
        edge = low + rng.uniform(0.45, 0.9) * (high - low)
        if axis == 0 and rng.random() < 0.5:
            return np.asarray(true[:, 0] < low + high - edge)
        return np.asarray(true[:, axis] > edge)


def person_size(pixels: Array) -> Array:
    """Diagonal (...,) [px] of the box around joints (..., 25, 2), NaN ones left out."""
    return np.asarray(
        np.linalg.norm(np.nanmax(pixels, axis=-2) - np.nanmin(pixels, axis=-2), axis=-1)
    )


def visibility(pixels: Array, joints: Array, camera: Camera) -> npt.NDArray[np.int64]:
    """NEAR, FAR or OUTSIDE for each joint (..., 25)."""
    z = joints[..., 2]
    far = z - z[..., MIRROR] > FAR_SIDE_M
    outside = (pixels < 0.0).any(axis=-1) | (
        pixels > np.array([camera.width - 1, camera.height - 1])
    ).any(axis=-1)
    return np.asarray(np.where(outside, OUTSIDE, np.where(far, FAR, NEAR)), np.int64)


def side_view(pixels: Array, size: Array) -> BoolArray:
    """Shoulders and hips of pixels (..., 25, 2) are too narrow for a view from front or back."""
    across = pixels[..., [2, 9], :] - pixels[..., [5, 12], :]
    return np.asarray(np.linalg.norm(across, axis=-1).mean(axis=-1) < 0.06 * size)


@lru_cache(maxsize=1)
def load_detector() -> DetectorModel:
    """The fitted model that ships. Raises ConfigError where its file is damaged."""
    file = resources.files("export.simulate") / "data" / "detector.json"
    try:
        table = json.loads(file.read_text())
        table.pop("source")
        arrays: dict[str, Any] = {
            k: np.array(v) if isinstance(v, list) else float(v) for k, v in table.items()
        }
        return DetectorModel(**arrays)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise ConfigError(
            f"{file}: no detector model ({e}); make it with posekernel-export fit-detector"
        ) from e
