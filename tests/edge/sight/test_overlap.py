"""People who overlap in the image are told apart by where MultiPose has each."""

import numpy as np

from edge.sight.overlap import Found, resolved

RNG = np.random.default_rng(0)
POSE = np.column_stack([RNG.uniform(0, 60, 17), np.linspace(0, 200, 17), np.full(17, 0.8)])

NEAR = np.array([1.0, 1.0, 0.0])  # [px], no confidence


def person(x: float, **changes) -> Found:
    joints = POSE + np.array([x, 0.0, 0.0])
    return Found(**({"joints": joints, "prior": joints + np.array([2.0, 2.0, -0.1])} | changes))


def test_people_apart_stay_as_they_are() -> None:
    left, right = person(0.0), person(150.0)
    kept = resolved([left, right])
    assert len(kept) == 2
    for before, after in zip((left, right), kept, strict=True):
        np.testing.assert_array_equal(before.joints, after.joints)


def test_one_found_twice_is_one() -> None:
    assert len(resolved([person(0.0), person(4.0)])) == 1


def test_who_is_taken_for_another_keeps_the_own_detection() -> None:
    front, behind = person(0.0), person(70.0)
    mistaken = Found(front.joints + NEAR, behind.prior)
    kept = resolved([front, mistaken])
    assert len(kept) == 2
    np.testing.assert_array_equal(kept[0].joints, front.joints)
    np.testing.assert_array_equal(kept[1].joints, behind.prior)


def test_who_was_missed_and_is_taken_for_another_is_hidden() -> None:
    front, behind = person(0.0), person(70.0)
    kept = resolved([front, Found(front.joints + NEAR, behind.joints, missed=1)])
    assert [k.missed for k in kept] == [0]


def test_a_limb_is_one_persons() -> None:
    front, behind = person(0.0), person(90.0)
    joints = behind.joints.copy()
    joints[9, :2] = front.joints[9, :2] + 3.0  # the left wrist of the one in front
    kept = resolved([front, Found(joints, np.vstack([joints[:9], behind.prior[9:]]))])
    assert kept[0].joints[9, 2] == 0.8
    assert np.hypot(*(kept[1].joints[9, :2] - behind.prior[9, :2])) < 1e-9
    claimed = Found(joints, joints)  # both networks say so: only one can be right
    kept = resolved([front, claimed])
    assert sorted(k.joints[9, 2] for k in kept) == [0.0, 0.8]
