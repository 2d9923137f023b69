"""The landmark network's outputs, against slow references."""

import numpy as np

from edge.core.pose import BODY_25
from edge.sight.landmarks import _refine, to_body25


def test_refinement_equals_the_obvious_loop() -> None:
    rng = np.random.default_rng(1)
    heatmaps = rng.normal(-1, 2, (64, 64, 7)).astype(np.float32)
    points = rng.uniform(-8, 264, (7, 2))
    points[0] = (0.0, 255.0)
    heatmaps[:, :, 3] = -9.0
    expected = points.copy()
    for i, (u, v) in enumerate(points):
        cx, cy = int(np.trunc(u / 4)), int(np.trunc(v / 4))
        if not (0 <= cx < 64 and 0 <= cy < 64):
            continue
        cells = [
            (x, y)
            for x in range(cx - 3, cx + 4)
            for y in range(cy - 3, cy + 4)
            if 0 <= x < 64 and 0 <= y < 64
        ]
        weights = np.array([1 / (1 + np.exp(-float(heatmaps[y, x, i]))) for x, y in cells])
        if weights.max() >= 0.5:
            expected[i] = 4 * (weights[:, None] * cells).sum(0) / weights.sum()
    np.testing.assert_allclose(_refine(points, heatmaps), expected, atol=1e-6)
    assert (expected[3] == points[3]).all()


def test_body25_is_made_of_blazepose_landmarks() -> None:
    landmarks = np.arange(33.0)[:, None] * (1.0, 10.0)
    joints = dict(zip(BODY_25, to_body25(landmarks), strict=True))
    assert joints["neck"][0] == 11.5
    assert joints["mid_hip"][1] == 235.0
    assert [
        joints[n][0] for n in ("right_wrist", "left_ankle", "left_eye", "right_ear", "left_heel")
    ] == [16, 27, 2, 8, 29]
    assert np.isnan(joints["left_small_toe"]).all()
