"""Several people's estimates against the session's truth."""

import dataclasses

import numpy as np
import pytest

from edge.core.pose import FrameEstimate, LiftedPose, PersonEstimate
from edge.sources.session.reader import Truth, load_session
from edge.sources.session.truth import match_people, true_joints, truth_error_m

JOINTS = np.random.default_rng(0).normal(0.0, 0.4, (25, 3))


def standing_at(x: float, z: float) -> np.ndarray:
    return JOINTS + np.array([x, 0.0, z])


def estimate(*people: np.ndarray, frame: int = 0) -> FrameEstimate:
    posed = tuple(
        PersonEstimate(
            k + 1,
            LiftedPose(joints[:15], np.full(15, 0.1), np.ones(15), "height", 0.0),
            None,
            "present",
        )
        for k, joints in enumerate(people)
    )
    return FrameEstimate(1, frame, 0, 0, posed, 0, None, None, "simulated")


@pytest.fixture
def session(folder):
    """Two people; the second comes with the second row of the truth."""
    loaded = load_session(folder)
    joints = np.stack([[standing_at(0.0, 3.0), JOINTS * np.nan], [standing_at(0.0, 3.0)] * 2])
    joints[1, 1] = standing_at(1.0, 4.0)
    times = loaded.frame_times_ns[[0, -1]]
    return dataclasses.replace(loaded, truth=Truth(times, joints))


def test_everybody_is_compared_with_whoever_stands_nearest(session):
    last = len(session.frame_times_ns) - 1
    off = np.array([0.0, 0.0, 0.1])
    both = estimate(standing_at(1.0, 4.0) + off, standing_at(0.0, 3.0) + 3 * off, frame=last)
    assert truth_error_m(session, both) == pytest.approx(0.2)
    one = estimate(standing_at(1.0, 4.0) + off, frame=last)
    assert truth_error_m(session, one) == pytest.approx(0.1)


def test_a_person_who_is_not_in_the_scene_is_not_compared(session):
    assert true_joints(session, 0).shape == (1, 25, 3)
    both = estimate(standing_at(0.0, 3.2), standing_at(1.0, 4.0))
    assert truth_error_m(session, both) == pytest.approx(0.2)


def test_without_truth_there_is_no_error(session):
    assert truth_error_m(None, estimate(JOINTS)) is None
    assert truth_error_m(dataclasses.replace(session, truth=None), estimate(JOINTS)) is None
    nobody = Truth(session.truth.t_ns, session.truth.joints * np.nan)
    assert truth_error_m(dataclasses.replace(session, truth=nobody), estimate(JOINTS)) is None


def test_the_assignment_is_the_best_of_all_and_not_greedy():
    """The first person is nearest to the second truth, but that one is all that the other has."""
    truth = np.stack([standing_at(0.0, 3.0), standing_at(1.0, 3.0)])
    posed = np.stack([standing_at(0.6, 3.0), standing_at(1.3, 3.0)])[:, :15]
    pairs = match_people(posed, truth)
    assert [(i, q) for i, q, _ in pairs] == [(0, 0), (1, 1)]
    assert [e for *_, e in pairs] == pytest.approx([0.6, 0.3])
