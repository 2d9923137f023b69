"""The study of detectors counts what was lost, swapped and unseen."""

import numpy as np
import pytest

from edge.core.pose import MIRROR, Keypoints
from export.studies.people.detectors import _measure

pytestmark = pytest.mark.export

TRUE = np.random.default_rng(0).uniform(0.0, 200.0, (15, 2))
IMAGE = np.zeros((4, 4, 3), np.uint8)


def person(offset: float = 0.0, mirrored: bool = False) -> Keypoints:
    pixels = np.zeros((25, 3))
    pixels[:15, :2] = (TRUE[list(MIRROR[:15])] if mirrored else TRUE) + (offset, 0.0)
    pixels[:12, 2] = 0.9
    return Keypoints(pixels, 0.8)


def test_what_was_lost_swapped_and_unseen_is_counted() -> None:
    found = iter([[person(2.0)], [person(300.0), person(2.0)], [], [person(mirrored=True)]])
    row = _measure(
        "one", "a detector", lambda _: next(found), iter([IMAGE] * 4), np.array([TRUE] * 4)
    )
    size = np.ptp(TRUE, axis=0).max()
    assert row.frames == 4
    assert row.found == 1.0
    assert np.nanmedian(row.errors[:2]) == pytest.approx(2.0 / size)
    assert row.lost + row.swapped == 2  # mirrored: lost where that is as far as another person
    assert row.seen[0].sum() == 12
    assert "| 1.00 |" in row.as_markdown()
