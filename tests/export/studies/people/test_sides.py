"""Joints that carry the other side's name are counted, those of another person are not."""

import numpy as np
import pytest

from edge.core.pose import MIRROR, Keypoints
from edge.core.rig import Camera
from edge.lifting.lifter import MODELS
from edge.lifting.network_lifter import NetworkLifter
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import sample_pose
from export.simulate.detector_errors import SWAPPED_PARTS
from export.studies.people.calibrated_views import CalibratedView
from export.studies.people.sides import SidesRow, sides_of, sides_report

pytestmark = pytest.mark.export

CAMERA = Camera(640, 480, 480.0, 480.0, 320.0, 240.0, height_m=1.2, tilt_deg=5.0)


@pytest.fixture(scope="module")
def bodies() -> np.ndarray:
    """Two who stand before the camera, facing it: (2, 25, 3), 1.1 m apart."""
    rng = np.random.default_rng(2)
    joints = []
    for x in (-0.4, 0.7):
        body = sample_body(rng, "test", 1.7)
        pose = sample_pose(rng, body, "stand", "test", 0.0)
        joints.append(pose_body(body, pose).joints + np.array([x, 3.0, 0.0]))
    return np.asarray(CAMERA.from_room(np.array(joints)))


def row(bodies: np.ndarray, *images: list[np.ndarray]) -> list[SidesRow]:
    """The rows of images whose detections have these pixels (25, 2)."""
    found = [
        [Keypoints(np.column_stack([uv, np.full(25, 0.9)]), 1.0) for uv in people]
        for people in images
    ]
    true = np.repeat(bodies[None], len(images), axis=0)
    view = CalibratedView("cam01", CAMERA, np.arange(len(images)) / 30.0, true, found)
    return list(sides_of("hall", view, NetworkLifter(MODELS / "lifter_ray_int8.tflite")))


def swapped(uv: np.ndarray, *parts: tuple[int, ...]) -> np.ndarray:
    out = uv.copy()
    for part in parts:
        out[list(part)] = uv[list(MIRROR)][list(part)]
    return out


def test_right_names_are_no_swap_and_exchanged_ones_are(bodies: np.ndarray) -> None:
    one, two = CAMERA.project(bodies)
    arms, legs = SWAPPED_PARTS
    first, second = row(
        bodies, [one, two], [swapped(one, arms), two], [swapped(one, legs), two],
        [swapped(one, arms, legs, (15, 16, 17, 18)), two],
    )  # fmt: skip
    assert (first.shown, first.found, first.mixed) == (4, 4, 0)
    assert (first.upper, first.lower) == (2, 2)
    assert first.turned >= 1  # all of it exchanged: seen from behind
    right, _ = row(bodies, [one, two])
    assert np.isnan(right.swapped_m)
    assert first.swapped_m > 1.5 * right.relative_m
    assert (second.found, second.upper, second.lower, second.turned) == (4, 0, 0, 0)
    assert "Of 8 detections 2 have the arms and 2 the legs swapped" in sides_report(
        [first, second], "c"
    )


def test_arms_of_somebody_else_are_not_a_swap(bodies: np.ndarray) -> None:
    """Two who overlap in the image: the detector gives one of them the other's arms."""
    near = bodies.copy()
    near[1] += near[0, 8] - near[1, 8] + np.array([0.12, 0.0, 0.3])
    one, two = CAMERA.project(near)
    arms = list(SWAPPED_PARTS[0])
    mixed = one.copy()
    mixed[arms] = swapped(two, tuple(arms))[arms]
    first, _ = row(near, [mixed, two])
    assert first.upper == 0


def test_nobody_found_gives_no_figures(bodies: np.ndarray) -> None:
    first, _ = row(bodies, [])
    assert (first.shown, first.found) == (1, 0)
    assert "| 0 | 0 | 0 | 0 | - | - |" in sides_report([first], "c")
