"""Somebody falls while another one walks about, and two people's everyday life."""

import numpy as np
import pytest

from export.bodies.acting import RATE_HZ
from export.studies.falls.one_person import IN_TIME_S
from export.studies.falls.two_people import (
    TwoOutcome,
    act_everyday,
    act_falls,
    bystander_take,
    two_falls_report,
)

pytestmark = pytest.mark.export


def test_a_fall_beside_somebody_else_is_told_once_and_in_time():
    (outcome,) = act_falls(1, 5)
    assert outcome.delay_s is not None
    assert outcome.delay_s <= IN_TIME_S
    assert len(outcome.told_s) == 1
    assert outcome.numbers >= 2


def test_two_people_who_do_not_fall_are_not_told_as_fallen():
    outcome = next(act_everyday(0.1, 5))
    assert outcome.seconds > 15.0
    assert outcome.told_s == []
    assert outcome.numbers >= 2


def test_the_other_one_walks_in_a_lane_of_their_own():
    take = bystander_take(np.random.default_rng(0), 20.0)
    depth = np.array(take.joints)[:, 8, 1]
    assert len(take.joints) >= 20.0 * RATE_HZ
    assert depth.max() < 2.7 or depth.min() > 4.3


def test_the_report_counts_in_time_late_never_and_false():
    fell = [
        TwoOutcome("collapses", 30.0, 10.0, [(11.0, 2)]),
        TwoOutcome("collapses", 30.0, 10.0, [(13.5, 2), (20.0, 1)]),
        TwoOutcome("collapses", 30.0, 10.0, []),
    ]
    lived = [TwoOutcome("sits down", 90.0, None, [(5.0, 1)]), TwoOutcome("kneels", 90.0)]
    text = " ".join(two_falls_report(fell, lived, "the command").split())
    assert "Of 3 falls 1 are told within 2 s, 1 later, 1 never; 1 more fall events" in text
    assert "In 3 minutes of two people's everyday life fall events: 1 (1 of sits down)." in text
