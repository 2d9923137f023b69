"""People who move before a camera, and detector errors that last."""

import numpy as np
import pytest

from export.bodies.mocap import clip_split
from export.simulate.detector_errors import person_size
from export.simulate.moving.lasting_errors import LastingDetector
from export.simulate.moving.motions import MOTIONS, Movement, image_times, sample_motion

pytestmark = pytest.mark.export


def moved_m_s(motion: Movement, joints: list[int]) -> float:
    """How fast these joints move relative to the mid-hip, 90th percentile."""
    relative = motion.joints[:, joints] - motion.joints[:, 8:9]
    steps = np.linalg.norm(np.diff(relative, axis=0), axis=-1)
    return float(np.quantile(steps / np.diff(motion.t_s)[:, None], 0.9))


@pytest.mark.parametrize("kind", MOTIONS)
def test_bodies_keep_their_bones_and_move_as_their_kind_says(kind: str) -> None:
    motion = sample_motion(np.random.default_rng(4), kind, "test")
    assert len(motion.joints) == len(motion.t_s) > 80
    thigh = np.linalg.norm(motion.joints[:, 10] - motion.joints[:, 9], axis=-1)
    assert np.median(np.abs(thigh / np.median(thigh) - 1.0)) < 0.02
    hips = np.linalg.norm(motion.joints[-1, 8] - motion.joints[0, 8])
    if kind == "walking":
        assert moved_m_s(motion, [11, 14]) > 0.4
    elif kind == "gesturing":
        assert moved_m_s(motion, [4, 7]) > 2.0 * moved_m_s(motion, [10, 13])
    elif kind == "still":
        assert hips < 0.6


def test_a_camera_gives_12_to_25_images_a_second_and_may_stall() -> None:
    rng = np.random.default_rng(1)
    steady = [image_times(rng, 8.0, irregular=False) for _ in range(20)]
    rates = [(len(t) - 1) / (t[-1] - t[0]) for t in steady]
    assert 11.0 < min(rates) < max(rates) < 26.0
    assert all((np.diff(t) > 0.0).all() for t in steady)
    assert max(np.diff(t).max() for t in steady) < 0.3
    stalled = [np.diff(image_times(rng, 8.0, irregular=True)) for _ in range(20)]
    assert np.mean([(gaps > 0.15).sum() for gaps in stalled]) >= 2.0


def test_clips_are_those_of_the_split() -> None:
    assert not set(clip_split("train")) & set(clip_split("test"))
    a, b = (sample_motion(np.random.default_rng(5), "clip", "test").joints for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_errors_last_as_long_as_those_on_real_frames() -> None:
    """Half of the independent difference within 0.1 s and most of it within half a second, as
    measured: 0.3 at 1/30 s, 0.4-0.5 at 0.1 s, 0.5-0.8 at 0.33 s.
    """
    rng = np.random.default_rng(6)
    motion = sample_motion(rng, "still", "test")
    body, t_s = motion.joints[40], np.arange(240) / 30.0
    true = motion.camera.project(body)
    seen = [0, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13]
    errors = []
    for _ in range(6):
        detect = LastingDetector(rng)
        found = np.array([detect(body, motion.camera, float(t))[:, :2] for t in t_s])
        errors.append((found - true)[:, seen] / person_size(true))
    off = np.array(errors) - np.median(np.array(errors), axis=(0, 1))
    usual = np.median(np.abs(off))
    apart = [
        np.median(np.abs(off[:, lag:] - off[:, :-lag])) / (np.sqrt(2.0) * usual)
        for lag in (1, 3, 10)
    ]
    assert 0.15 < apart[0] < 0.5
    assert apart[0] < apart[1] < 0.7
    assert apart[1] < apart[2] < 1.1
    assert apart[2] > 0.45
