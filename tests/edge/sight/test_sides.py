"""Left and right of a person are kept, until the network insists."""

import re

import numpy as np

from edge.core.pose import BODY_25, MIRROR
from edge.sight.sides import Sides


def test_a_frame_taken_back_to_front_is_turned_back_until_the_network_insists() -> None:
    joints, relative = np.zeros((25, 3)), np.random.default_rng(0).normal(size=(25, 3))
    joints[[2, 9], 0], joints[[5, 12], 0] = -30.0, 30.0
    other_side = {"right": "left", "left": "right"}
    names = [re.sub("right|left", lambda m: other_side[m[0]], n) for n in BODY_25]
    assert [BODY_25.index(n) for n in names] == list(MIRROR)
    turned, turned_relative = joints[list(MIRROR)], relative[list(MIRROR)] * (1, 1, -1)
    sides = Sides()
    for _ in range(5):
        assert sides.keep(joints, relative, 300.0)[0] is joints
    for _ in range(5):
        kept, kept_relative = sides.keep(turned, turned_relative, 300.0)
        np.testing.assert_array_equal(kept, joints)
        np.testing.assert_array_equal(kept_relative, relative)
    assert sides.keep(turned, turned_relative, 300.0)[0] is turned
    assert sides.keep(turned, turned_relative, 300.0)[0] is turned


def test_a_person_who_turns_round_is_believed() -> None:
    sides = Sides()
    for turn in np.linspace(0, np.pi, 16):
        joints = np.zeros((25, 3))
        joints[[2, 9], 0], joints[[5, 12], 0] = -30 * np.cos(turn), 30 * np.cos(turn)
        np.testing.assert_array_equal(sides.keep(joints, joints, 300.0)[0], joints)
