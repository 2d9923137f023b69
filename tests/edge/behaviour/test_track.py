"""One track: how far the image alone saw somebody move."""

import numpy as np
import pytest

from edge.behaviour.track import Track
from edge.core.rig import Camera
from tests.support.scenes.lifter import standing

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.1)


def moved_m(distance_m, across_m, jump_at=-1):
    """moved_m after each frame, ten a second, of somebody at these places (K,); their joints jitter
    by 3 px, and at one frame all are plainly wrong.
    """
    rng = np.random.default_rng(0)
    track, out = None, []
    for k, (distance, across) in enumerate(zip(distance_m, across_m, strict=True)):
        joints = standing(distance, CAMERA, across)
        joints[:, :2] += rng.normal(0.0, 3.0 / CAMERA.fx, (15, 2)) * joints[:, 2:]
        if k == jump_at:
            joints[:, 0] += 0.8
        track = track or Track(1, joints, 0.0)
        track.see(joints, 0.1 * k)
        # Sound may put them anywhere on the ray: that is no movement.
        track.correct(joints * rng.uniform(0.85, 1.15))
        out.append(track.moved_m)
    return np.array(out)


def test_who_keeps_still_has_not_moved_whatever_sound_says_and_one_wrong_frame_changes_nothing():
    still = np.full(60, 3.0)
    assert moved_m(still, 0.0 * still).max() < 0.15
    assert moved_m(still, 0.0 * still, jump_at=30).max() < 0.2


@pytest.mark.parametrize("towards", [False, True])
def test_who_walks_has_moved_within_a_second_and_has_not_a_second_after_they_stand(towards):
    way = 0.08 * np.clip(np.arange(50) - 12, 0, 15)  # 0.8 m/s for one and a half seconds
    still = np.full(50, 3.2)
    found = moved_m(still - way, 0.0 * way) if towards else moved_m(still, way - 0.5)
    assert found[:12].max() < 0.2
    assert found[20:30].min() > 0.25
    assert found[42:].max() < 0.2
