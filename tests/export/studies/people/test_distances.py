"""The table of distances: what is told reaches the lifter, and the rows say what it answered."""

from collections.abc import Sequence

import numpy as np
import pytest

from edge.core.pose import MID_HIP, Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.core.stature import BodySize
from edge.lifting.lifter import MODELS
from export.studies.people import distances
from export.studies.people.distances import Silent, distances_report, silent_by_distance

pytestmark = pytest.mark.export

MODEL = MODELS / "lifter_ray_int8.tflite"


class AsTold:
    """Puts everybody on their ray at a distance, and remembers what it was told."""

    told: tuple[list[tuple[bool, bool]], list[float]]

    def __init__(self, _: object) -> None:
        AsTold.told = ([], [])

    def __call__(
        self,
        people: Sequence[Keypoints],
        kernels: object,
        rig: Rig,
        sizes: Sequence[BodySize | None] = (),
    ) -> list[LiftedPose | None]:
        assert kernels is None
        AsTold.told[0].append((rig.camera.height_m is not None, sizes[0] is not None))
        AsTold.told[1].append(0.0 if sizes[0] is None else sizes[0].log_height)
        joints = np.zeros((15, 3))
        joints[MID_HIP] = (0.0, 0.0, 3.0)
        return [LiftedPose(joints, np.full(15, 20.0), np.ones(15), "height", float("nan"))]


def test_each_distance_has_a_row_for_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "NetworkLifter", AsTold)
    monkeypatch.setattr(distances, "DISTANCES_M", (2.0, 6.0))
    rows = silent_by_distance(MODEL, 12, 3, lambda items, total: items)
    assert [(r.distance_m, r.height_known, r.size_known) for r in rows] == [
        (d, *known) for d in (2.0, 6.0) for known in distances.KNOWN
    ]
    assert sorted(set(AsTold.told[0])) == [(a, b) for a in (False, True) for b in (False, True)]
    sizes = np.exp([s for s in AsTold.told[1] if s != 0.0])
    assert 0.6 < sizes.min() < sizes.max() < 2.4
    for row in rows:
        # The mid-hip lies about where the person stands; who answers 3 m is off by the rest.
        assert row.bias_m == pytest.approx(3.0 - row.distance_m, abs=0.5)
        assert row.error_m == pytest.approx(abs(row.bias_m), abs=0.3)
        assert row.covered == 1.0


def test_the_report_gives_percent_of_the_distance() -> None:
    report = distances_report([Silent(4.0, True, True, 50, 0.1, -0.05, 0.7)], "the command")
    assert "| 4 m | camera height and size | 50 | 10.0 | 2.5 | -5.0 | 70 |" in report
    assert "the command" in report
