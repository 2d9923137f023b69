"""Why the sensor is silent or degraded, in words."""

from types import SimpleNamespace
from typing import Any

import pytest

from edge.core.contracts import Problem
from edge.output.messages.fields import Message
from edge.sensor.reports.condition import STALLED_S, Condition
from tests.support.messages import problems

TURNED = Problem("camera", "camera", "upside down", "is upside down", "it hangs", "turn it")


class Bench:
    """A condition whose sensor the test sets, and what it published."""

    def __init__(self) -> None:
        self.now_s, self.blind = 100.0, None
        self.told: list[Message] = []
        self.pipeline: Any = SimpleNamespace(
            counters=SimpleNamespace(frames=0, periods=0),
            problems=(),
            room=SimpleNamespace(learned=True),
        )
        self.sensing: Any = SimpleNamespace(
            permissions=SimpleNamespace(sensing=True), silent_because=None
        )
        self.condition = Condition(
            "hall", self.pipeline, self.sensing, lambda: self.blind, lambda: self.now_s
        )
        self.condition.announce(self.told.append)

    def after(self, seconds: float, *, images: bool = True, sound: bool = True) -> list[Message]:
        """What is told in these seconds."""
        before = len(self.told)
        for _ in range(round(10 * seconds)):
            self.now_s += 0.1
            self.pipeline.counters.frames += images
            self.pipeline.counters.periods += sound
            self.condition.tick()
        return self.told[before:]


def test_it_is_well_and_says_so_once() -> None:
    bench = Bench()
    assert bench.after(60.0) == []
    (message,) = bench.told
    assert (message["reasons"], message["problems"]) == ([], [])
    assert problems("health", message) == []


@pytest.mark.parametrize(("device", "what"), [("camera", "images"), ("sound", "sound")])
def test_a_device_that_gives_nothing_is_named_until_it_does(device: str, what: str) -> None:
    bench = Bench()
    bench.after(1.0)
    still = {"images": device != "camera", "sound": device != "sound"}
    assert bench.after(STALLED_S - 0.3, **still) == []
    (failed,) = bench.after(1.0, **still)
    assert [(p["device"], p["kind"]) for p in failed["problems"]] == [(device, "stalled")]
    assert what in failed["reasons"][0]
    assert problems("health", failed) == []
    (back,) = bench.after(0.5)
    assert back["problems"] == []


def test_each_reason_is_told_as_it_comes_and_goes() -> None:
    bench = Bench()
    bench.pipeline.room.learned = False
    bench.pipeline.problems = (TURNED,)
    (message,) = bench.after(0.1)
    assert message["reasons"] == ["camera is upside down", "the empty room is not learned yet"]
    assert {p["device"] for p in message["problems"]} == {"camera", "room"}
    # Without sound the room cannot be learned: silence is the reason.
    bench.sensing.silent_because, bench.blind = "mute", "the image is too dark"
    (message,) = bench.after(0.1)
    assert message["reasons"] == [
        "the loudspeaker is mute", "the image is too dark", "camera is upside down",
    ]  # fmt: skip
    bench.sensing.permissions.sensing = False
    bench.sensing.silent_because = bench.blind = "sensing off"
    bench.blind = "sensing is off"
    (message,) = bench.after(0.1)
    assert (message["reasons"], message["problems"]) == (["sensing is off"], [])


def test_a_newer_version_on_disk_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    monkeypatch.setattr("edge.sensor.reports.condition.version", lambda name: "9.9.9")
    (message,) = bench.after(70.0)
    assert message["version_on_disk"] == "9.9.9"
