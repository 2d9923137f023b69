"""People of single images, followed as the sensor does it."""

import numpy as np
import pytest

from edge.core.pose import Keypoints, LiftedPose
from export.studies.tracked_people import TrackedPeople
from tests.support.bodies import CAMERA, standing

pytestmark = pytest.mark.export


def found(x_m: float, z_m: float) -> tuple[Keypoints, LiftedPose]:
    joints = standing(1.7, (x_m, z_m))
    pixels = np.column_stack([np.full((25, 2), np.nan), np.zeros(25)])
    known = np.isfinite(joints[:, 0])
    pixels[known] = np.column_stack([CAMERA.project(joints[known]), np.full(known.sum(), 0.8)])
    pose = LiftedPose(joints[:15], np.full(15, 0.1), np.full(15, 0.8), "floor", float("nan"))
    return Keypoints(pixels, 0.8), pose


def test_everybody_keeps_a_number_in_whatever_order_they_are_found() -> None:
    follow, near, far = TrackedPeople(CAMERA), found(-0.6, 2.5), found(0.7, 4.0)
    assert follow([near, far], 0) == {}  # a false box lasts for one image
    first = follow([near, far], 100_000_000)
    other = follow([far, near], 200_000_000)
    assert sorted(first) == sorted(other) == [0, 1]
    assert [first[k].id for k in (0, 1)] == [other[k].id for k in (1, 0)]
    np.testing.assert_allclose(other[0].pose.joints, far[1].joints, atol=0.02)
