"""CLEAR MOT and IDF1 against examples worked out by hand."""

import numpy as np
import pytest

from export.evaluate.tracking import TrackedFrame, TrackingScore, score_tracks

pytestmark = pytest.mark.export


def frame(truth: dict[str, float], tracks: dict[int, float]) -> TrackedFrame:
    """People on a line: id -> place [m]."""
    places = np.array(list(truth.values())).reshape(-1, 1)
    apart = np.abs(places - np.array(list(tracks.values())).reshape(1, -1))
    return TrackedFrame(list(truth), list(tracks), apart)


def test_perfect_tracks_score_one():
    score = score_tracks([frame({"a": 0.0, "b": 3.0}, {7: 0.1, 2: 3.0})] * 10, 1.0)
    assert (score.mota, score.idf1, score.switches) == (1.0, 1.0, 0)
    assert score.motp == pytest.approx(0.05)


def test_a_miss_and_a_false_person_are_counted():
    """Four true people in all; one is missed, one report is of nobody: MOTA 1 - 2 / 4."""
    frames = [
        frame({"a": 0.0, "b": 3.0}, {1: 0.0}),
        frame({"a": 0.0, "b": 3.0}, {1: 0, 2: 3, 3: 9}),
    ]
    score = score_tracks(frames, 1.0)
    assert (score.people, score.matches, score.misses, score.false) == (4, 3, 1, 1)
    assert score.mota == pytest.approx(0.5)
    assert score.idf1 == pytest.approx(2 * 3 / (4 + 4))


def test_places_exchanged_for_good_are_two_switches():
    """Two people, ten frames; from the seventh on each has the other's number."""
    before = frame({"a": 0.0, "b": 3.0}, {1: 0.0, 2: 3.0})
    after = frame({"a": 0.0, "b": 3.0}, {2: 0.0, 1: 3.0})
    score = score_tracks([before] * 6 + [after] * 4, 1.0)
    assert score.switches == 2
    assert score.mota == pytest.approx(1 - 2 / 20)
    assert score.idf1 == pytest.approx(2 * 12 / 40)  # 6 of 10 frames each under the best naming


def test_a_number_kept_through_a_gap_is_no_switch_but_a_fragment():
    seen, hidden = frame({"a": 0.0}, {1: 0.0}), frame({"a": 0.0}, {})
    kept = score_tracks([seen, hidden, hidden, seen], 1.0)
    assert (kept.switches, kept.fragments, kept.misses) == (0, 1, 2)
    renamed = score_tracks([seen, hidden, hidden, frame({"a": 0.0}, {5: 0.0})], 1.0)
    assert (renamed.switches, renamed.fragments) == (1, 1)
    assert renamed.idf1 == pytest.approx(2 * 1 / (4 + 2))


def test_a_match_is_kept_while_it_is_near_enough_though_another_is_nearer():
    """Bernardin and Stiefelhagen's rule: the correspondence of the last frame goes first."""
    frames = [frame({"a": 0.0}, {1: 0.2}), frame({"a": 0.0}, {1: 0.8, 2: 0.1})]
    score = score_tracks(frames, 1.0)
    assert (score.switches, score.false) == (0, 1)
    beyond = score_tracks([frames[0], frame({"a": 0.0}, {1: 1.2, 2: 0.1})], 1.0)
    assert (beyond.switches, beyond.false) == (1, 1)


def test_nobody_is_nearer_than_the_limit():
    score = score_tracks([frame({"a": 0.0}, {1: 1.5})], 1.0)
    assert (score.matches, score.misses, score.false, score.mota) == (0, 1, 1, -1.0)


def test_sequences_add_up():
    one = score_tracks([frame({"a": 0.0}, {1: 0.0})] * 3, 1.0)
    other = score_tracks([frame({"a": 0.0}, {1: 5.0})], 1.0)
    both = one + other
    assert (both.frames, both.people, both.id_matches, both.misses) == (4, 4, 3, 1)
    assert np.isnan(TrackingScore().mota)
    empty = score_tracks([frame({}, {}), frame({}, {1: 0.0})], 1.0)
    assert (empty.people, empty.false) == (0, 1)
