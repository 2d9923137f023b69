"""Everybody keeps a number: across each other's way, behind furniture, and not after they left."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.tracks import CONFIRM_S, Tracks
from edge.core.pose import Keypoints
from tests.support.bodies import CAMERA, seen, standing
from tests.support.scenes.walkers import DT_S, Bodies, detected, lifted, numbers, walker

SECOND_NS = 10**9


def given(images: list[Bodies], seed: int = 0) -> dict[str, list[int]]:
    """The different numbers of each person, in the order of their coming."""
    out: dict[str, list[int]] = {}
    for image in numbers(images, seed):
        for name, number in image.items():
            if number not in out.setdefault(name, []):
                out[name].append(number)
    return out


def crossing(seed: int) -> list[Bodies]:
    """Two people cross, the nearer one hiding the other for a moment."""
    rng = np.random.default_rng(seed)
    near = rng.uniform(2.0, 3.5)
    far = near + rng.uniform(0.4, 1.2)
    speed, heights = rng.uniform(0.5, 1.3, 2), rng.uniform(1.5, 1.9, 2)
    return [
        {
            "a": walker(speed[0] * t, near, t, heights[0]),
            "b": walker(-speed[1] * t, far, t + 0.3, heights[1]),
        }
        for t in DT_S * np.arange(-20, 21)
    ]


def test_two_who_cross_keep_their_numbers() -> None:
    changed = 0
    for seed in range(15):
        by_name = given(crossing(seed), seed)
        changed += sum(len(ids) - 1 for ids in by_name.values())
        assert len({i for ids in by_name.values() for i in ids}) == 2, f"seed {seed}"
    assert changed <= 1  # of 15 crossings


@pytest.mark.parametrize("hidden_s", [1.0, 2.0, 3.0])
def test_who_walks_behind_furniture_keeps_the_number(hidden_s: float) -> None:
    changed = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        speed, far = rng.uniform(0.4, 1.0), rng.uniform(2.8, 4.0)
        images: list[Bodies] = []
        for t in DT_S * np.arange(-15, round(hidden_s / DT_S) + 16):
            bodies = {"a": walker(-0.9 + 0.2 * t, 2.0, t)}
            if not 0.0 <= t < hidden_s:
                bodies["b"] = walker(0.3 + speed * (t - hidden_s / 2), far, t, 1.6)
            images.append(bodies)
        by_name = given(images, seed)
        changed += sum(len(ids) - 1 for ids in by_name.values())
    assert changed <= 1


def test_two_who_meet_and_turn_back_do_not_swap() -> None:
    for seed in range(4):
        images: list[Bodies] = []
        for t in DT_S * np.arange(-25, 26):
            apart = 0.25 + 0.5 * abs(t)
            images.append(
                {"a": walker(-apart, 2.5, t, 1.6), "b": walker(apart, 2.7, t + 0.4, 1.75)}
            )
        assert {k: len(v) for k, v in given(images, seed).items()} == {"a": 1, "b": 1}


def test_who_leaves_and_comes_back_later_is_new_and_no_number_is_used_twice() -> None:
    inside = [{"a": walker(0.0, 3.0, t)} for t in DT_S * np.arange(10)]
    assert given([*inside, *[{}] * 40, *inside, *[{}] * 40, *inside]) == {"a": [1, 2, 3]}


def test_another_who_comes_in_soon_after_somebody_left_is_new() -> None:
    leaving = [{"a": walker(1.2 + 1.2 * t, 3.0, t)} for t in DT_S * np.arange(15)]
    coming = [{"b": walker(-1.9 + 1.0 * t, 3.0, t)} for t in DT_S * np.arange(15)]
    assert given([*leaving, *[{}] * 10, *coming]) == {"a": [1], "b": [2]}


@pytest.mark.parametrize(("x_m", "speed_m_s", "outside"), [(1.2, 1.2, True), (-0.3, 0.4, False)])
def test_who_walks_out_of_the_image_is_gone_and_who_vanishes_in_it_is_not(
    x_m: float, speed_m_s: float, outside: bool
) -> None:
    tracks, rng = Tracks(CAMERA), np.random.default_rng(1)
    gone, seen_s = [], 0.0
    for k in range(45):
        t = DT_S * k
        bodies = {"a": walker(x_m + speed_m_s * t, 3.0, t)} if t < 1.5 else {}
        found = detected(bodies, rng)
        tracks([f for _, f in found], round(t * 1e9))
        seen_s = t if found else seen_s
        gone.append((t - seen_s, tracks.gone == {1}))
    unseen = [(s, left) for s, left in gone if s > 0.0]
    if outside:
        assert all(left for s, left in unseen if s > 0.25)
        tracks.forget()
        assert not tracks.gone
    else:
        assert not any(left for s, left in unseen if s < 2.9)


def test_nobody_is_gone_because_the_camera_was_opened_again() -> None:
    """A summary that lost everybody for a moment would switch a light off and on."""
    tracks, rng = Tracks(CAMERA), np.random.default_rng(2)
    for k in range(20):
        if k == 10:
            tracks.forget()
        t = DT_S * k
        tracks([f for _, f in detected({"a": walker(0.2, 3.0, t)}, rng)], round(t * 1e9))
        assert not tracks.gone
    assert [t.id for t in tracks.tracks if t.confirmed] == [2]


def test_the_count_is_right_while_people_come_and_go() -> None:
    images: list[Bodies] = []
    for t in DT_S * np.arange(120):
        places = {"a": (-1.2, 2.5), "b": (0.2, 3.2), "c": (1.3, 3.8)}
        stay = {"a": (0.0, 9.0), "b": (2.0, 12.0), "c": (4.0, 7.0)}
        images.append(
            {n: walker(x, z, t) for n, (x, z) in places.items() if stay[n][0] <= t < stay[n][1]}
        )
    shown = numbers(images)
    right = [len(ids) == len(image) for ids, image in zip(shown, images, strict=True)]
    assert np.mean(right) >= 0.97  # a newcomer takes two images
    assert {i for ids in shown for i in ids.values()} == {1, 2, 3}


def test_a_false_box_of_one_image_is_nobody() -> None:
    tracks, rng, box = Tracks(CAMERA), np.random.default_rng(0), seen(standing(1.7, (1.2, 3.0)))
    for k in range(20):
        people = [p for _, p in detected({"a": walker(-0.8, 3.0, 0.1 * k)}, rng)]
        given = tracks([*people, *([box] if k % 8 == 4 else [])], k * SECOND_NS // 10)
        assert sum(t.confirmed for t in given) == (k > 0)


def test_a_newcomer_has_a_number_within_two_images() -> None:
    tracks, keypoints = Tracks(CAMERA), seen(standing())
    confirmed = [tracks([keypoints], round(k * SECOND_NS / 30))[0].confirmed for k in range(6)]
    assert confirmed.index(True) == round(np.ceil(CONFIRM_S * 30))


def test_the_order_of_detections_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    images = [detected(bodies, rng) for bodies in crossing(3)]
    runs = []
    for order in (1, -1):
        tracks, run = Tracks(CAMERA), []
        for k, found in enumerate(images):
            given = found[::order]
            ids = tracks([keypoints for _, keypoints in given], k * SECOND_NS // 10)
            run.append({name: t.id for (name, _), t in zip(given, ids, strict=True)})
        runs.append(run)
    names = [{n for n, i in image.items() if i} for image in runs[0]]
    assert names == [{n for n, i in image.items() if i} for image in runs[1]]
    # Two who are confirmed in the same image may change numbers, and nothing else.
    pairs = {(a[n], b[n]) for a, b in zip(*runs, strict=True) for n in a if a[n]}
    assert len(pairs) == 2


def test_somebody_found_twice_is_one_person() -> None:
    tracks, rng, again = Tracks(CAMERA), np.random.default_rng(0), seen(standing(1.7, (0.03, 3.05)))
    for k in range(30):
        bodies = {"a": walker(0.0, 3.0, 0.0)}
        found = [f for _, f in detected(bodies, rng)] + ([again] if k >= 5 else [])
        given = tracks(found, k * SECOND_NS // 10)
        if given[0].confirmed:
            given[0].correct(lifted(bodies["a"], rng).joints)
        assert sum(t.confirmed for t in given) == (k > 0)


def test_two_numbers_that_come_to_lie_on_one_body_become_one() -> None:
    tracks = Tracks(CAMERA)
    shown = []
    for k in range(40):
        x = max(0.8 - 0.05 * k, 0.02)
        people = [seen(standing(1.7, (0.0, 3.0))), seen(standing(1.7, (x, 3.0)))]
        shown.append([t.id for t in tracks(people, k * SECOND_NS // 10)])
    assert shown[5] == [1, 2]
    assert sorted(shown[-1]) == [0, 1]


def test_a_replay_at_another_time_of_the_clock_is_the_same() -> None:
    rng = np.random.default_rng(1)
    images = [[k for _, k in detected(bodies, rng)] for bodies in crossing(4)]
    runs = []
    for start_ns in (0, 987_654_321_123_456_789):
        tracks = Tracks(CAMERA)
        for k, people in enumerate(images):
            tracks(people, start_ns + k * SECOND_NS // 10)
        runs.append([t.predicted(5.0) for t in tracks.tracks])
    np.testing.assert_array_equal(runs[0], runs[1])


def test_few_joints_and_none_at_all_are_no_error() -> None:
    tracks = Tracks(CAMERA)
    head = seen(standing())
    hidden = head.pixels.copy()
    hidden[1:, 2] = 0.0
    nothing = np.column_stack([np.full((25, 2), np.nan), np.zeros(25)])
    for k, pixels in enumerate([head.pixels, hidden, hidden, nothing, nothing, head.pixels]):
        (track,) = tracks([Keypoints(pixels, 0.5)], k * SECOND_NS // 10)
    assert track.id == 1 or not track.confirmed
    assert tracks([], SECOND_NS) == []
    back = tracks([replace(head, score=0.4)], 0)
    assert not back[0].confirmed  # the clock stepped back: everybody is new
