"""Simulated people through the sensor: a few scenes of the study of sequences."""

import numpy as np
import pytest

from export.evaluate.tracking import TrackingScore
from export.simulate.moving.scripts import come_and_go, crossing, entrance, occlusion
from export.studies.people.sequences import (
    ENTERED_S,
    SequenceOutcome,
    countable,
    entrance_report,
    follow,
    sequence_report,
)

pytestmark = pytest.mark.export


@pytest.mark.parametrize("make", [crossing, occlusion])
def test_two_people_keep_their_numbers(make):
    outcome = follow(make(np.random.default_rng(3)), 3)
    assert outcome.score.people > 80
    assert outcome.score.switches == 0
    assert outcome.score.misses <= 0.1 * outcome.score.people
    assert outcome.score.false == 0
    # Who is hidden is counted in the frame, too.
    assert min(outcome.right(1), outcome.right(2)) >= 0.95 * len(outcome.counts)


def test_people_who_come_and_leave_are_counted_within_a_second():
    outcome = follow(come_and_go(np.random.default_rng(2), people=3, seconds=20.0), 2)
    assert len(outcome.counts) > 60
    assert min(outcome.right(1), outcome.right(2)) >= 0.9 * len(outcome.counts)


def test_nobody_must_count_who_is_hidden_for_longer_than_a_number_is_kept():
    in_view, hidden = np.ones((60, 2), bool), np.zeros((60, 2), bool)
    in_view[:5, 0], hidden[:10, 0], hidden[15:, 1] = False, True, True
    counted = countable(in_view, hidden)
    assert np.flatnonzero(counted[:, 0])[0] == 10
    assert np.flatnonzero(counted[:, 1])[-1] == 14 + 29


def test_somebody_who_comes_in_is_told_within_a_second():
    outcome = follow(entrance(np.random.default_rng(1)), 1)
    assert not outcome.early
    assert outcome.entered_s is not None
    assert 0.0 < outcome.entered_s <= ENTERED_S


def test_the_reports_count_what_was_measured():
    score = TrackingScore(frames=100, people=200, reported=201, matches=198, misses=2, false=3,
                          switches=1, distance=19.8, id_matches=190)  # fmt: skip
    counts = [(2, 2, 2)] * 97 + [(2, 1, 2)] * 3
    outcomes = [SequenceOutcome("crossing", score, counts)] * 2
    text = sequence_report(outcomes, "the command")
    assert "| crossing | 2 | 400 | 2 | 4 | 6 | 0.970 | 0.948 | 10 cm | 97.0 % | 100.0 % |" in text
    late = SequenceOutcome("entrance", score, entered_s=1.4)
    early = SequenceOutcome("entrance", score, entered_s=-0.5, early=True)
    never = SequenceOutcome("entrance", score)
    good = SequenceOutcome("entrance", score, entered_s=0.6)
    text = " ".join(entrance_report([late, early, never, good], "the command").split())
    assert (
        "Of 4 entrances the summary says occupied within 1 s in 1, later in 1, never in 1" in text
    )
    assert "Before anybody was in view it said so in 1." in text
