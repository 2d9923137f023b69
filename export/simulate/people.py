"""People before random cameras, joints only: training samples for networks that use no sound."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Rng
from edge.core.pose import N_JOINTS
from edge.core.rig import Camera, seen_rays
from edge.lifting.mirror import FLIP
from export.bodies.body import Split, pose_body, sample_body
from export.bodies.poses import sample_pose
from export.simulate.detector_errors import FAR_SIDE_M, MIRROR, load_detector, person_size

POSES_PER_BODY = 3
DISTANCE_M = (0.8, 8.0)  # uniform in the logarithm
CAMERA_HEIGHT_M = (0.4, 2.5)
TILT_DEG = (-8.0, 25.0)
STEEP, STEEP_DEG = 0.2, (-15.0, 45.0)  # share of cameras with any tilt in this range
# Shares of people scaled to these standing heights, beyond those of the body bank.
TODDLERS, TODDLER_M = 0.08, (0.72, 1.15)
TALL, TALL_M = 0.03, (1.9, 2.12)
HALF_VIEW = (0.5, 0.8)  # tangent of half the field of view across; three quarters of it down
LEAST_IN_VIEW, LEAST_DETECTED = 8, 5  # of the first 15 joints
FOCAL_PX = 520.0  # of the detector model's camera
NOISE = (0.003, 0.01)  # of a 2D joint, at unit depth: 1.5 to 5 px at 500 px focal length
NOISE_PER_SIZE = (0.0, 0.03)  # and as a part of the person's size in the image
OUTLIERS, OUTLIER_FACTOR = 0.04, 5.0
OCCLUDED = 0.35  # share of people with some joints occluded
GROUPS = (
    (2, 3, 4),
    (5, 6, 7),
    (10, 11, 22, 23, 24),
    (13, 14, 19, 20, 21),
    (0, 15, 16, 17, 18),
    (4,),
    (7,),
    (11,),
    (14,),
)


@dataclass(frozen=True, eq=False)
class SampledPeople:
    """Posed people: joints (N, 25, 3) BODY_25 in the room, mid-hip above the origin [m]; height_m
    (N,) standing height.
    """

    joints: Array
    height_m: Array


@dataclass(frozen=True, eq=False)
class ViewedPeople:
    """People before cameras. joints: (N, 25, 3) camera frame [m]. rays: (N, 25, 3) of the noisy 2D
    joints, at z = 1. seen: (N, 25) which of them were detected. height_m, camera_height_m,
    tilt_deg, roll_deg: (N,). half_view: (N,) tangent of half the horizontal field of view.
    """

    joints: Array
    rays: Array
    seen: npt.NDArray[np.bool_]
    height_m: Array
    camera_height_m: Array
    tilt_deg: Array
    roll_deg: Array
    half_view: Array

    def pick(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> "ViewedPeople":
        """Some of them, by mask or index (N,)."""
        return ViewedPeople(*(getattr(self, f.name)[which] for f in fields(self)))

    def __add__(self, other: "ViewedPeople") -> "ViewedPeople":
        """These, then the others."""
        return ViewedPeople(
            *(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self))
        )


def sample_people(
    count: int,
    seed: int,
    split: Split,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
) -> SampledPeople:
    """Random bodies of a split in random poses of its motion clips; about 200 a second. progress:
    wraps the loop over bodies.
    """
    rng = np.random.default_rng([seed, 1])
    joints, heights = [], []
    bodies = -(-count // POSES_PER_BODY)
    for _ in progress(range(bodies), bodies):
        body = sample_body(rng, split)
        for _ in range(POSES_PER_BODY):
            joints.append(pose_body(body, sample_pose(rng, body, split=split)).joints)
            heights.append(body.height_m)
    return SampledPeople(np.array(joints[:count], np.float64), np.array(heights[:count]))


def view_people(
    people: SampledPeople, count: int, rng: Rng, distance_m: tuple[float, float] = DISTANCE_M
) -> ViewedPeople:
    """Random people with LEAST_IN_VIEW joints in view and noisy 2D joints. distance_m: least and
    greatest, over the floor.
    """
    views = _draw(people, count, rng, distance_m)
    while len(views.joints) < count:
        views = views + _draw(people, count, rng, distance_m)
    return views.pick(np.arange(count))


def detected(views: ViewedPeople, rng: Rng) -> ViewedPeople:
    """The same people with 2D joints of the fitted detector model, without those of whom it finds
    too few joints. About 1000 a second.
    """
    model = load_detector()
    rays, seen = np.empty_like(views.rays), np.empty_like(views.seen)
    for k, joints in enumerate(views.joints):
        width = 2.0 * FOCAL_PX * views.half_view[k]
        camera = Camera(
            round(width), round(0.75 * width), FOCAL_PX, FOCAL_PX, width / 2, 0.375 * width
        )
        pixels = model.observe(rng, joints, camera)
        rays[k], seen[k] = seen_rays(pixels, camera)
    return replace(views, rays=rays, seen=seen).pick(
        seen[:, :N_JOINTS].sum(axis=1) >= LEAST_DETECTED
    )


@dataclass(frozen=True, eq=False)
class DetectorErrors:
    """Errors of the detector model in K views, to be drawn for others: the model itself is too slow
    for each training sample.

    offsets: (K, 25, 2) from the true joint, over the person's size. seen: (K, 25). swapped: (K,)
    left and right were swapped. side: (K,) side of the body away from the camera: right -1, left 1,
    neither 0.
    """

    offsets: Array
    seen: npt.NDArray[np.bool_]
    swapped: npt.NDArray[np.bool_]
    side: npt.NDArray[np.int64]


def detector_errors(views: ViewedPeople, rng: Rng) -> DetectorErrors:
    """The errors that the detector model makes in these views."""
    found = detected(views, rng)
    true = found.joints[..., :2] / found.joints[..., 2:]
    xy = found.rays[..., :2]
    direct, mirrored = (
        np.nanmedian(np.linalg.norm(p - true, axis=-1), axis=1) for p in (xy, xy[:, MIRROR])
    )
    swapped = np.asarray(mirrored < direct)
    flip = swapped[:, None]
    offsets = np.where(flip[..., None], xy[:, MIRROR], xy) - true
    seen = np.where(flip, found.seen[:, MIRROR], found.seen)
    return DetectorErrors(
        np.nan_to_num(offsets / person_size(true)[:, None, None]),
        seen,
        swapped,
        _far_side(found.joints),
    )


def apply_errors(views: ViewedPeople, errors: DetectorErrors, rng: Rng) -> ViewedPeople:
    """The same people with drawn errors, without those left with too few joints."""
    side = _far_side(views.joints)
    pick = np.zeros(len(side), np.int64)
    for k in (-1, 0, 1):
        candidates = np.flatnonzero(errors.side == k)
        if len(candidates):
            pick[side == k] = rng.choice(candidates, int((side == k).sum()))
    true = views.joints[..., :2] / views.joints[..., 2:]
    xy = true + errors.offsets[pick] * person_size(true)[:, None, None]
    inside = (np.abs(true) < views.half_view[:, None, None] * np.array([1.0, 0.75])).all(axis=-1)
    seen = errors.seen[pick] & inside
    flip = errors.swapped[pick][:, None]
    xy, seen = np.where(flip[..., None], xy[:, MIRROR], xy), np.where(flip, seen[:, MIRROR], seen)
    rays = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    return replace(views, rays=rays, seen=seen).pick(
        seen[:, :N_JOINTS].sum(axis=1) >= LEAST_DETECTED
    )


def _far_side(joints: Array) -> npt.NDArray[np.int64]:
    """Side of the body (N,) that is farther from the camera: right -1, left 1, neither 0."""
    depth = (joints[:, [5, 12], 2] - joints[:, [2, 9], 2]).mean(axis=1)
    return np.asarray(np.sign(depth) * (np.abs(depth) > FAR_SIDE_M), np.int64)


def _draw(people: SampledPeople, n: int, rng: Rng, distance_m: tuple[float, float]) -> ViewedPeople:
    pick = rng.integers(len(people.joints), size=n)
    yaw = rng.uniform(0, 2 * np.pi, n)
    near, far = np.log(distance_m)
    forward = np.exp(rng.uniform(near, far, n))
    half = rng.uniform(*HALF_VIEW, n)
    zero, one = np.zeros(n), np.ones(n)
    turn = _rows(
        [[np.cos(yaw), -np.sin(yaw), zero], [np.sin(yaw), np.cos(yaw), zero], [zero, zero, one]]
    )
    body_m = _heights(people.height_m[pick], rng)
    grown = body_m / people.height_m[pick]
    room = grown[:, None, None] * people.joints[pick] @ turn.transpose(0, 2, 1)
    mirrored = rng.random(n) < 0.5
    room[mirrored] = _mirror(room[mirrored])
    height = rng.uniform(*CAMERA_HEIGHT_M, n)
    steep = rng.random(n) < STEEP
    tilt = np.radians(np.where(steep, rng.uniform(*STEEP_DEG, n), rng.uniform(*TILT_DEG, n)))
    roll = np.radians(rng.normal(0, 1.5, n))
    room[..., 0] += (rng.uniform(-0.75, 0.75, n) * half * forward)[:, None]
    room[..., 1] += forward[:, None]
    room[..., 2] -= height[:, None]
    # The inverse of Camera.room_rotation, one per scene.
    level = _rows(
        [
            [one, zero, zero],
            [zero, -np.sin(tilt), np.cos(tilt)],
            [zero, -np.cos(tilt), -np.sin(tilt)],
        ]
    )
    unroll = _rows(
        [[np.cos(roll), -np.sin(roll), zero], [np.sin(roll), np.cos(roll), zero], [zero, zero, one]]
    )
    joints = room @ (level @ unroll)
    z = np.maximum(joints[..., 2], 0.05)
    xy = joints[..., :2] / z[..., None]
    in_view = (
        (joints[..., 2] > 0.3)
        & (np.abs(xy[..., 0]) < half[:, None])
        & (np.abs(xy[..., 1]) < 0.75 * half[:, None])
    )
    ok = (in_view[:, :N_JOINTS].sum(axis=1) >= LEAST_IN_VIEW) & (joints[..., 2] > 0.3).all(axis=1)
    size = np.ptp(xy, axis=1).max(axis=1)
    sigma = rng.uniform(*NOISE, n) + rng.uniform(*NOISE_PER_SIZE, n) * size
    each = np.where(rng.random(xy.shape[:2]) < OUTLIERS, OUTLIER_FACTOR, 1.0) * sigma[:, None]
    xy = xy + rng.normal(size=xy.shape) * each[..., None]
    seen = in_view & ~_occluded(n, rng)
    rays = np.concatenate([xy, np.ones_like(xy[..., :1])], axis=-1)
    ok &= seen[:, :N_JOINTS].sum(axis=1) >= LEAST_DETECTED
    views = ViewedPeople(
        joints, rays, seen, body_m, height, np.degrees(tilt), np.degrees(roll), half
    )
    return views.pick(ok)


def _heights(height_m: Array, rng: Rng) -> Array:
    """Standing heights (N,), some of them drawn anew."""
    kind = rng.random(len(height_m))
    height_m = np.where(kind < TODDLERS, rng.uniform(*TODDLER_M, len(kind)), height_m)
    tall = (kind >= TODDLERS) & (kind < TODDLERS + TALL)
    return np.asarray(np.where(tall, rng.uniform(*TALL_M, len(kind)), height_m))


def _occluded(n: int, rng: Rng) -> npt.NDArray[np.bool_]:
    """Which joints (n, 25) are occluded: whole limbs, and single ones."""
    out = np.zeros((n, 25), bool)
    for group in GROUPS:
        out[:, group] |= (rng.random(n) < 0.18)[:, None]
    out |= rng.random((n, 25)) < 0.06
    return np.asarray(out & (rng.random(n) < OCCLUDED)[:, None])


def _mirror(joints: Array) -> Array:
    """Left and right exchanged, x flipped: (N, 25, 3)."""
    return np.asarray(joints[:, MIRROR] * FLIP)


def _rows(rows: list[list[Array]]) -> Array:
    """Matrices (N, 3, 3) from rows of entries (N,)."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
