"""What drift leaves of the empty room, through the whole simulated chain: rooms, electronics,
noise, front end.
"""

import numpy as np
import pytest

from export.studies.leftover import leftover_table, leftovers

pytestmark = pytest.mark.export


def test_having_heard_a_swing_leaves_less_of_drifted_rooms():
    drift, left = leftovers(4, 7)
    drifted = drift >= 0.03
    fresh, settled = np.median(left[drifted], axis=0)
    print(leftover_table(drift, left))
    assert drifted.sum() >= 10
    assert settled < fresh - 6.0
    assert np.median(left[~drifted], axis=0)[1] < 1.0 + np.median(left[~drifted], axis=0)[0]
