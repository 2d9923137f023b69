"""What doctor says of the images depends on what they show, not on how fast the machine looks."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.core.contracts import Frame
from edge.core.pose import Keypoints
from edge.core.rig import Camera
from edge.tools.doctor import senses

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, tilt_deg=10.0)


def standing(upright: bool) -> Keypoints:
    pixels = np.full((25, 3), 0.9)
    pixels[8, :2], pixels[1, :2] = (320.0, 240.0), (320.0, 150.0 if upright else 330.0)
    return Keypoints(pixels, 0.9)


class SlowMachine:
    """A clock, and a camera that gives its newest image to whoever needs `look_s` for each."""

    def __init__(self, look_s: float, people: list[Keypoints], images: int = 10_000) -> None:
        self.now_s, self.looks = 100.0, 0
        self._look_s, self._people, self._images = look_s, people, images

    def monotonic(self) -> float:
        return self.now_s

    def read(self, timeout_s: float) -> Frame | None:
        if self.looks >= self._images:
            self.now_s += timeout_s
            return None
        light = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
        return Frame(self.looks, round(self.now_s * 1e9), light)

    def __call__(self, image: Any) -> list[Keypoints]:
        self.now_s += self._look_s
        self.looks += 1
        return self._people


def found(machine: SlowMachine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(senses, "time", machine)
    monkeypatch.setattr(senses, "PeopleFinder", lambda _: machine)
    plan: Any = SimpleNamespace(rig=SimpleNamespace(camera=CAMERA))
    config: Any = None
    camera: Any = machine
    return [f.remedy for f in senses.seen_problems(config, plan, camera)]


@pytest.mark.parametrize("look_s", [0.1, 0.5, 1.2, 4.0])
def test_people_on_their_heads_are_told_at_any_speed(
    look_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    (remedy,) = found(SlowMachine(look_s, [standing(upright=False)]), monkeypatch)
    assert "set rig.camera.roll_deg = 180" in remedy


@pytest.mark.parametrize("look_s", [0.1, 4.0])
def test_who_stands_upright_is_watched_for_a_while_only(
    look_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = SlowMachine(look_s, [standing(upright=True)])
    assert found(machine, monkeypatch) == []
    assert 20 <= machine.looks <= 41


def test_a_camera_that_gives_no_more_images_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = SlowMachine(0.1, [standing(upright=True)], images=3)
    assert found(machine, monkeypatch) == []
    assert machine.now_s - 100.0 < 6.0
