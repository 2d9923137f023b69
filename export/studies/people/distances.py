"""How far away the image alone puts people from 0.8 to 8 m, by what else is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.pose import MID_HIP, N_JOINTS, Keypoints
from edge.core.rig import Camera, Rig
from edge.core.stature import BodySize, standing_heights
from edge.lifting.network_lifter import NetworkLifter
from export.extras import Progress
from export.simulate.people import FOCAL_PX, ViewedPeople, detected, sample_people, view_people

DISTANCES_M = (0.8, 1.2, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
SPREAD = 0.03  # each distance stands for so much to either side of its logarithm
SIZE_SIGMA = 0.025
HEIGHT_ERROR_M, TILT_ERROR_DEG = 0.015, 0.5
KNOWN = ((True, False), (True, True), (False, False), (False, True))  # the camera's height, a size


@dataclass(frozen=True)
class Silent:
    """People at one distance. error_m: median of the mid-hip's distance; bias_m: signed median;
    covered: share of the joints within their 1-sigma.
    """

    distance_m: float
    height_known: bool
    size_known: bool
    people: int
    error_m: float
    bias_m: float
    covered: float


def silent_by_distance(model: Path, people: int, seed: int, progress: Progress) -> list[Silent]:
    """A row for each distance and each of KNOWN, of people of the test split in random poses before
    random cameras, with the detector model's 2D joints.
    """
    lift, rng = NetworkLifter(model), np.random.default_rng([seed, 1])
    posed = sample_people(people, seed, "test")
    rows = []
    for distance in progress(DISTANCES_M, len(DISTANCES_M)):
        around = float(distance * np.exp(-SPREAD)), float(distance * np.exp(SPREAD))
        views = detected(view_people(posed, people, rng, around), rng)
        for height_known, size_known in KNOWN:
            rows.append(_row(lift, views, distance, height_known, size_known, rng))
    return rows


def distances_report(rows: Sequence[Silent], command: str) -> str:
    """A Markdown table and the command that made it."""
    lines = [
        "| distance | known | people | mid-hip distance median (cm) | of the distance (%) "
        "| signed median (cm) | within 1 sigma (%) |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        known = " and ".join(
            name
            for name, is_known in (("camera height", r.height_known), ("size", r.size_known))
            if is_known
        )
        lines.append(
            f"| {r.distance_m:g} m | {known or '-'} | {r.people} | {100 * r.error_m:.1f} "
            f"| {100 * r.error_m / r.distance_m:.1f} | {100 * r.bias_m:+.1f} "
            f"| {100 * r.covered:.0f} |"
        )
    return "\n".join([*lines, "", "```", command, "```", ""])


def _row(
    lift: NetworkLifter,
    views: ViewedPeople,
    distance: float,
    height_known: bool,
    size_known: bool,
    rng: Rng,
) -> Silent:
    heights = np.log(standing_heights(views.joints[:, :N_JOINTS]))
    off, within = [], []
    for k, truth in enumerate(views.joints[:, :N_JOINTS]):
        size = BodySize(float(heights[k] + rng.normal(0.0, SIZE_SIGMA)), SIZE_SIGMA)
        camera = _camera(views, k, height_known, rng)
        rig = Rig(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 2), np.int64), camera, 343.0)
        keypoints = _keypoints(views, k, camera)
        (pose,) = lift([keypoints], None, rig, [size if size_known else None])
        if pose is not None:
            off.append(pose.mid_hip_distance_m - float(np.linalg.norm(truth[MID_HIP])))
            within.append(np.linalg.norm(pose.joints - truth, axis=1) < pose.sigma)
    error = np.array(off)
    return Silent(
        distance, height_known, size_known, len(error), float(np.median(np.abs(error))),
        float(np.median(error)), float(np.mean(within)),
    )  # fmt: skip


def _camera(views: ViewedPeople, k: int, height_known: bool, rng: Rng) -> Camera:
    width = 2.0 * FOCAL_PX * views.half_view[k]
    camera = Camera(round(width), round(0.75 * width), FOCAL_PX, FOCAL_PX, width / 2, 0.375 * width)
    if not height_known:
        return camera
    tilt, roll = (
        float(angle + rng.normal(0.0, TILT_ERROR_DEG))
        for angle in (views.tilt_deg[k], views.roll_deg[k])
    )
    height = float(views.camera_height_m[k] + rng.normal(0.0, HEIGHT_ERROR_M))
    return replace(camera, height_m=height, tilt_deg=tilt, roll_deg=roll)


def _keypoints(views: ViewedPeople, k: int, camera: Camera) -> Keypoints:
    seen = views.seen[k]
    rays: Array = np.where(seen[:, None], views.rays[k], [0.0, 0.0, 1.0])
    return Keypoints(np.concatenate([camera.project(rays), seen[:, None]], axis=1), 1.0)
