"""Inputs and outputs of the learned image baselines: 2D joints in a camera turned to the person,
and shape and depth.

Training uses the same code, in batches.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.pose import N_JOINTS
from edge.core.rig import Rig, seen_rays
from edge.sources.session.dataset import Sample
from export.baselines.mlp import Mlp, Weights, mlp_from

LEAST_SEEN = 4
# Outputs of the lifting network: log depth of the mid-hip; per joint log depth behind it and the
# shift of the 2D joint; logs of the 1-sigma of the log depth and of each joint's place around the
# mid-hip (in mid-hip depths).
OUTPUTS = 1 + 3 * N_JOINTS + 1 + N_JOINTS
NEARER_OR_FARTHER = 0.8  # greatest difference of a joint's log depth from the mid-hip's
LOG_SIGMA = (-5.0, 0.5)
PERSON_M = 2.0  # RootNet's side of the person's box


@dataclass(frozen=True, eq=False)
class TurnedView:
    """2D joints in a camera turned so that the middle of the person's box lies on its axis.

    turn: (..., 3, 3) from its frame to the camera frame. xy: (..., 25, 2) over `size`, 0 where not
    detected. size: (...,) half the longer side of the box at unit depth. seen: (..., 25). box:
    (..., 2) width and height of the box over `size`.
    """

    turn: Array
    xy: Array
    size: Array
    seen: npt.NDArray[np.bool_]
    box: Array

    def pick(self, which: npt.NDArray[np.bool_]) -> "TurnedView":
        """Some of many views, by mask (N,)."""
        return TurnedView(*(getattr(self, f.name)[which] for f in fields(self)))

    @property
    def features(self) -> Array:
        """Inputs of the networks (..., 81): joints, which were seen, direction and box size."""
        flat = (*self.size.shape, -1)
        return np.concatenate(
            [
                self.xy.reshape(flat),
                self.seen.astype(np.float64),
                self.turn[..., :2, 2],
                self.box,
                np.log(self.size)[..., None],
                self.root_net_depth[..., None],
            ],
            axis=-1,
        )

    @property
    def root_net_depth(self) -> Array:
        """Log depth (...,) at which a person-sized square has the box's area (RootNet's k)."""
        return np.asarray(np.log(PERSON_M) - np.log(2.0 * self.size))


def view_from(rays: Array, seen: npt.NDArray[np.bool_]) -> TurnedView:
    """The view of rays at z = 1 (..., 25, 3), which may be NaN where not `seen` (..., 25); at least
    one joint must be seen.
    """
    xy = np.where(seen[..., None], rays[..., :2], np.nan)
    low, high = np.nanmin(xy, axis=-2), np.nanmax(xy, axis=-2)
    centre = np.concatenate([(low + high) / 2, np.ones((*low.shape[:-1], 1))], axis=-1)
    turn = turn_to(centre)
    turned = np.where(seen[..., None], rays, [0.0, 0.0, 1.0]) @ turn
    xy = np.where(seen[..., None], turned[..., :2] / turned[..., 2:], np.nan)
    low, high = np.nanmin(xy, axis=-2), np.nanmax(xy, axis=-2)
    size = np.maximum((high - low).max(axis=-1) / 2, 1e-3)
    xy = np.nan_to_num(xy) / size[..., None, None]
    return TurnedView(turn, xy, size, seen, (high - low) / size[..., None])


def sample_view(sample: Sample, rig: Rig) -> TurnedView | None:
    """The view of the one person's keypoints; None where fewer than LEAST_SEEN of 15 joints were
    detected.
    """
    rays, seen = seen_rays(sample.keypoints[0].pixels, rig.camera)
    if seen[:N_JOINTS].sum() < LEAST_SEEN:
        return None
    return view_from(rays, seen)


@dataclass(frozen=True, eq=False)
class BaselinePose:
    """A lifted pose. shape: (15, 3) camera frame, with its mid-hip at depth 1 in the turned camera.

    depth_m: of the mid-hip along the turned axis. depth_sigma: 1-sigma of its logarithm.
    shape_sigma: (15,) 1-sigma of each joint around the mid-hip, in mid-hip depths.
    """

    shape: Array
    depth_m: float
    depth_sigma: float
    shape_sigma: Array


class NumpyVisionNet:
    """The trained lifting network."""

    def __init__(self, weights: Weights) -> None:
        self._net: Mlp = mlp_from(weights, "lift")

    def __call__(self, view: TurnedView) -> BaselinePose:
        """One person's view -> shape and depth."""
        out = self._net(view.features).astype(np.float64)
        depth, relative = out[0], out[1 : 1 + 3 * N_JOINTS].reshape(N_JOINTS, 3)
        sigma = bounded_sigma(out[1 + 3 * N_JOINTS :])
        z = np.exp(np.clip(relative[:, 0], -NEARER_OR_FARTHER, NEARER_OR_FARTHER))
        turned = np.concatenate(
            [(view.xy[:N_JOINTS] + relative[:, 1:]) * view.size * z[:, None], z[:, None]], axis=1
        )
        # z[8] is trained towards 1; the scale absorbs the rest.
        return BaselinePose(
            turned @ view.turn.T,
            float(np.exp(depth + view.root_net_depth)),
            float(sigma[0]),
            sigma[1:],
        )


def bounded_sigma(log_sigma: npt.ArrayLike) -> Array:
    """1-sigma from its logarithm, clipped: outliers are beyond the training data."""
    return np.asarray(np.exp(np.clip(np.asarray(log_sigma, np.float64), *LOG_SIGMA)))


def turn_to(direction: Array) -> Array:
    """Smallest rotations (..., 3, 3) from the optical axis to directions (..., 3), z > 0."""
    d = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    k = 1.0 / (1.0 + z)
    rows = [[1 - k * x * x, -k * x * y, x], [-k * x * y, 1 - k * y * y, y], [-x, -y, z]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
