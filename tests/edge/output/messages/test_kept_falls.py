"""Falls that are not over, over a restart of the sensor."""

from pathlib import Path

import numpy as np
import pytest

from edge.behaviour.activity import ActivityTracker
from edge.core.arrays import Array
from edge.core.pose import LiftedPose, PersonEstimate
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from edge.output.messages.kept_falls import KeptFall, KeptFalls
from tests.support.bodies import figure, lying
from tests.support.messages import an_estimate

SINCE = "2026-11-30T03:00:00.000Z"
FALL = [*[figure()] * 20, *(figure() + (lying() - figure()) * (k / 8) ** 2 for k in range(9))]
DOWN = [*FALL, *[lying()] * 20]


class Run:
    """One run of the sensor; its people are numbered anew."""

    def __init__(self, path: Path) -> None:
        self.told: list[tuple[str, int, int]] = []  # kind, person, falls that are on disk by then
        self._path, self._now_s = path, 100.0
        self.keeper = EventKeeper(
            "hall", "simulated", self._emit, lambda: self._now_s, KeptFalls(path)
        )
        self._trackers: dict[int, ActivityTracker] = {}

    def _emit(self, message: Message) -> None:
        self.told.append((message["kind"], message["person"], len(KeptFalls(self._path).falls)))

    def show(self, *poses: list[Array]) -> None:
        for bodies in zip(*poses, strict=True):
            self._now_s += 0.1
            t_ns = round(self._now_s * 1e9)
            people = []
            for number, joints in enumerate(bodies, 1):
                pose = LiftedPose(joints, np.full(15, 0.05), np.full(15, 0.8), "sound", 10.0)
                doing = self._trackers.setdefault(number, ActivityTracker())(pose, joints, t_ns)
                people.append(PersonEstimate(number, pose, joints, "present", doing))
            self.keeper.pose(an_estimate(*people, t_ns=t_ns, more=0))
            self.keeper.tick()


def test_who_lies_there_still_lies_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "falls.json"
    first = Run(path)
    first.show(DOWN)
    assert first.told[-1] == ("fall", 1, 1), "on disk before it is told"
    since = first.keeper.fallen_since
    again = Run(path)
    assert again.keeper.fallen_since == since is not None
    helper = figure(place=(2.0, 2.0))
    again.show([lying()] * 60, [helper] * 60)
    assert again.keeper.fallen_since == since, "a helper who stands is somebody else"
    assert path.stat().st_mode & 0o777 == 0o600
    again.show([figure()] * 60, [helper] * 60)
    assert again.told[-1] == ("fall_cleared", 1, 1), "told before it is forgotten"
    assert again.keeper.fallen_since is None
    assert not path.exists()


def test_whoever_is_up_alone_after_a_restart_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "falls.json"
    KeptFalls(path).keep([KeptFall(SINCE, None), KeptFall(SINCE, (0.0, 3.0))])
    run = Run(path)
    run.show([figure(place=(1.0, 2.0))] * 60)
    assert [kind for kind, *_ in run.told] == ["person_entered", "fall_cleared", "fall_cleared"]
    assert run.keeper.fallen_since is None


@pytest.mark.parametrize("text", ["", "{", '{"falls": [{"since": "x", "floor_m": null}]}', "[]"])
def test_a_damaged_file_is_logged_and_taken_for_none(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "falls.json"
    path.write_text(text)
    assert KeptFalls(path).falls == ()
    assert str(path) in caplog.text


def test_a_disk_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    kept = KeptFalls(tmp_path / "file" / "falls.json")
    kept.keep([KeptFall(SINCE, None)])
    assert "cannot be written" in caplog.text
    assert kept.newest == SINCE
