"""Against other libraries: results agree where they compute the same, and what is absent is named."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from edge.tools.bench.front_end_peers import numpy_stages
from edge.tools.bench.scene import make_scene
from export.__main__ import main
from export.commands.studies.bench_peers import table
from export.studies.bench_peers import PeerRow, bench_peers, torch_stages

pytestmark = pytest.mark.export


def by_name(rows: tuple[PeerRow, ...], work: str) -> dict[str, PeerRow]:
    return {r.name: r for r in rows if r.work == work}


def test_peers_that_are_there_agree_and_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("torch", "onnxruntime", "pyroomacoustics"):
        monkeypatch.setitem(sys.modules, absent, None)
    rows = bench_peers(repetitions=1, voxels=(6, 6, 6))
    front_end = by_name(rows, "front end")
    assert front_end["posekernel int8"].ratio == 1.0
    for name in ("posekernel int8", "posekernel float32", "scipy, numpy", "scipy, numpy int8"):
        assert front_end[name].error_db < -33.0  # fewer samples are pooled
    assert "pip install 'posekernel[bench]'" in front_end["pyroomacoustics, numpy"].absent
    assert "pip install 'posekernel[peers]'" in front_end["PyTorch"].absent
    for form in ("ray", "volume"):
        networks = by_name(rows, f"network {form}")
        measured = [r for r in networks.values() if not r.absent]
        assert measured[0].ratio == 1.0
        assert all(r.base == measured[0].name for r in measured)
        assert networks["PyTorch float"].absent
        assert {r.name.rsplit(" ", 1)[1] for r in measured} == {"int8", "float"}
    text = table(rows)
    assert text.count("absent: not installed") == sum(bool(r.absent) for r in rows)


def test_the_command_gives_one_json_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        PeerRow("front end", "posekernel", 1.0, 1.1, "posekernel", 1.0),
        PeerRow("front end", "PyTorch", absent="not installed"),
    )
    monkeypatch.setattr("export.commands.studies.bench_peers.bench_peers", lambda _: rows)
    assert main(["bench-peers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda c: pytest.fail(c))
    assert [r["median_ms"] for r in found["rows"]] == [1.0, None]


@pytest.mark.train
def test_pytorch_computes_the_same() -> None:
    scene = make_scene((6, 6, 6))
    sampled = replace(scene, fewer=1)  # numpy takes every sample
    results = []
    for stages in (torch_stages(sampled), numpy_stages(sampled)):
        value = sampled.recording
        for stage in stages:
            value = stage(value)
        results.append(np.asarray(value, np.float64).ravel())
    # Only at the window's ends the running mean is another.
    assert np.abs(results[0] - results[1]).max() < 1e-3 * np.abs(results[1]).max()
    networks = by_name(bench_peers(repetitions=1, voxels=(2, 2, 2)), "network volume")
    assert networks["PyTorch float"].error_db < -80.0
