"""Single images' poses against the track's, over time."""

import numpy as np
import pytest

from edge.core.pose import N_JOINTS, Keypoints
from edge.lifting.lifter import MODELS
from edge.lifting.network_lifter import NetworkLifter
from export.simulate.moving.lasting_errors import LastingDetector
from export.simulate.moving.motions import sample_motion
from export.studies.people.calibrated_views import CalibratedView
from export.studies.people.over_time import (
    LAGS_S,
    OverTime,
    VideoOverTime,
    _lasting,
    follow,
    over_time_report,
)

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def view() -> CalibratedView:
    """Somebody who sits down, seen 12-25 times a second."""
    rng = np.random.default_rng(3)
    motion = sample_motion(rng, "sitting down", "test")
    detect = LastingDetector(rng)
    found = [
        [Keypoints(detect(j, motion.camera, float(t)), 1.0)]
        for j, t in zip(motion.joints, motion.t_s, strict=True)
    ]
    return CalibratedView("cam01", motion.camera, motion.t_s, motion.joints[:, None], found)


@pytest.fixture(scope="module")
def followed(view: CalibratedView) -> OverTime:
    lift = NetworkLifter(MODELS / "lifter_ray_int8.tflite")
    true = view.true[:, 0, :N_JOINTS]
    return follow("sits", view.t_s, [f[0] for f in view.found], true, view.rig, lift)


def test_errors_are_of_a_body_and_an_average_of_them_is_smaller(followed: OverTime) -> None:
    assert len(followed.single) == len(followed.smoothed) > 60
    for errors in (followed.single, followed.smoothed):
        assert 0.02 < np.median(errors) < 0.2
    assert followed.averaged.mean() < followed.single.mean()
    assert abs(followed.smoothed.mean() / followed.single.mean() - 1.0) < 0.15
    assert 0.1 < followed.inside <= 1.0


def test_a_track_that_is_right_at_once_has_no_error(view: CalibratedView) -> None:
    """Poses that are the truth, of somebody who keeps still: nothing is lost by smoothing."""

    class Truth:
        def __call__(self, people, kernels, rig, sizes=()):
            pose = NetworkLifter(MODELS / "lifter_ray_int8.tflite")(people, kernels, rig)[0]
            return [type(pose)(still, pose.sigma, pose.confidence, "floor", float("nan"))]

    still = view.true[10, 0, :N_JOINTS]
    true = np.repeat(still[None], 20, axis=0)
    found = [view.found[10][0]] * 20
    out = follow("still", np.arange(20) / 15.0, found, true, view.rig, Truth(), 0.0)
    np.testing.assert_allclose(out.smoothed_all, 0.0, atol=1e-9)
    assert out.inside == 1.0


def test_lasting_errors_differ_more_the_farther_apart(view: CalibratedView) -> None:
    lasting = _lasting(view, 0)
    assert len(lasting) == len(LAGS_S)
    assert lasting[0] < lasting[2] < lasting[4]


def test_the_report_has_a_row_for_each_kind_and_person(followed: OverTime) -> None:
    video = VideoOverTime("hall, cam01, person 1", followed, (0.3,) * len(LAGS_S))
    text = over_time_report([followed, followed], [], [video], "the command")
    assert "| sits | 2 |" in text
    assert "| all, the camera stalls | 0 | - |" in text
    assert text.count("| hall, cam01, person 1 |") == 2
