"""A frame by the number of people posed, beside MediaPipe."""

import json
import sys
import types

import numpy as np
import pytest

from export.__main__ import main
from export.commands.studies.bench_peers import people_table
from export.studies.peers.by_people import by_people

pytestmark = pytest.mark.export


def test_without_mediapipe_the_rows_are_ours_and_its_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    rows = by_people(rounds=1)
    assert 2 in {r.people for r in rows}  # the shipped session's
    assert sum(r.frames for r in rows) <= 70
    for row in rows:
        assert row.median_ms > 0.0
        assert row.processor_ms > 0.0
        assert np.isnan(row.ratio)
    assert people_table(rows).count("pip install 'posekernel[mediapipe]'") == len(rows)


def test_each_image_goes_through_mediapipe_once_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    class Pose:
        """Takes what `mediapipe.solutions.pose.Pose` takes."""

        def __init__(self, *, static_image_mode: bool, model_complexity: int) -> None:
            assert (static_image_mode, model_complexity) == (False, 1)

        def __enter__(self) -> "Pose":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def process(self, image: np.ndarray) -> None:
            assert image.dtype == np.uint8
            seen.append(image.shape)

    solutions = types.SimpleNamespace(pose=types.SimpleNamespace(Pose=Pose))
    monkeypatch.setitem(sys.modules, "mediapipe", types.SimpleNamespace(solutions=solutions))
    rows = by_people(rounds=1, frames=20)
    assert len(seen) == 40  # one round is not timed
    assert {shape[2] for shape in seen} == {3}
    assert all(row.ratio > 0.0 for row in rows)
    assert "absent" not in people_table(rows)


def test_a_session_without_people_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench-peers", "--session", "somewhere"]) == 2
    assert "add --people" in capsys.readouterr().err


def test_the_command_gives_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr(
        "export.commands.studies.bench_peers.by_people", lambda *_: by_people(rounds=1, frames=20)
    )
    assert main(["bench-peers", "--people", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda c: pytest.fail(c))
    assert all(r["ratio"] is None and r["median_ms"] > 0.0 for r in found["rows"])
