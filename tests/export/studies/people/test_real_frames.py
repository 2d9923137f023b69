"""The shipped session's real people: who is followed, and how exactly."""

import math

import pytest

from edge.sources.session.reader import DEMO_SESSION
from export.evaluate.tracking import TrackingScore
from export.studies.people.real_frames import (
    CameraOutcome,
    PersonRow,
    measure_session,
    real_frames_report,
)

pytestmark = pytest.mark.export


def test_both_people_of_the_demo_are_followed_and_heard():
    outcome = measure_session(DEMO_SESSION, "demo", "ray")
    assert outcome.score.switches == 0
    assert len(outcome.people) == 2
    for person in outcome.people:
        assert person.posed >= 0.9 * person.shown
        assert person.mid_hip_m <= (0.05, 0.18)[person.person]  # measured 3, 16 cm
    assert "| demo | " in real_frames_report([outcome], "the command")


def test_who_is_never_found_has_no_figures_but_a_dash():
    """Such as the bystander far behind the person."""
    score = TrackingScore(people=1, switches=0, misses=100, false=0)
    row = PersonRow(2, 0, 100, math.nan, math.nan, math.nan, 0.0)
    line = CameraOutcome("hall", score, (row,)).as_markdown()
    assert line.endswith("| 3 | 0 of 100 | - | - | - | 0 % |")
