"""A camera that hangs upside down is noticed by the people, and nobody else is accused."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.mounting.heads_down import HeadsDown
from edge.core.pose import Keypoints
from edge.core.rig import Camera

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, tilt_deg=10.0)


def seen(trunk: tuple[float, float], confidence: float = 0.9) -> Keypoints:
    """Somebody whose neck is there from the hips in the image [px], y down."""
    pixels = np.full((25, 3), confidence)
    pixels[8, :2], pixels[1, :2] = (320.0, 240.0), np.array([320.0, 240.0]) + trunk
    return Keypoints(pixels, 0.9)


UP, DOWN, FLAT = seen((5.0, -90.0)), seen((5.0, 90.0)), seen((90.0, 20.0))


def told(
    images: list[Keypoints | None], camera: Camera = CAMERA, every_s: float = 0.1
) -> list[bool]:
    judge = HeadsDown(camera)
    return [
        judge([] if k is None else [k], round(i * every_s * 1e9)) is not None
        for i, k in enumerate(images)
    ]


def test_people_on_their_heads_are_noticed_within_seconds() -> None:
    out = told([DOWN] * 60)
    assert not any(out[:29])
    assert all(out[31:])


def test_a_machine_that_looks_only_now_and_then_notices_them_in_ten_images() -> None:
    out = told([DOWN] * 15, every_s=2.0)
    assert not any(out[:9])
    assert all(out[9:])


def test_the_remedy_turns_the_roll_that_is_set() -> None:
    for roll, needed in ((0.0, "= 180"), (180.0, "= 0"), (-90.0, "= 90"), (3.0, "= -177")):
        judge = HeadsDown(replace(CAMERA, roll_deg=roll))
        up = judge._up
        for k in range(60):
            judge([seen(tuple(-90.0 * up[:2]))], round(k * 1e8))
        assert judge.problem is not None
        assert judge.problem.remedy.endswith(f"set rig.camera.roll_deg {needed}")


@pytest.mark.parametrize(
    "images",
    [
        [UP] * 100,
        [FLAT] * 100,
        [UP] * 40 + [DOWN] * 20 + [UP] * 40,  # a handstand
        [seen((0.0, 90.0), confidence=0.1)] * 100,
        [seen((np.nan, np.nan))] * 100,
        [None] * 100,
        [DOWN] * 5,
    ],
)
def test_anything_else_is_no_reason(images: list[Keypoints | None]) -> None:
    assert not any(told(images))


def test_a_camera_that_is_put_right_is_good_again() -> None:
    out = told([DOWN] * 60 + [UP] * 60)
    assert out[59]
    assert not out[-1]


def test_one_who_stands_on_the_head_among_others_is_no_reason() -> None:
    judge = HeadsDown(CAMERA)
    for k in range(60):
        judge([DOWN, UP], round(k * 1e8))
    assert judge.problem is None
    for k in range(60, 200):
        judge([DOWN, DOWN], round(k * 1e8))
    assert judge.problem is not None
