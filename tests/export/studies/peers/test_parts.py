"""Against other libraries: poses agree where the same is computed, and what is absent is named."""

import json
import sys

import numpy as np
import pytest
import scipy.fft

from export.__main__ import main
from export.commands.studies.bench_peers import table
from export.studies.peers.parts import (
    OURS,
    PeerRow,
    PlainDeconvolver,
    bench_peers,
    make_pipeline,
    recorded_frames,
    session_plan,
)

pytestmark = pytest.mark.export


@pytest.mark.parametrize(("fft", "dtype"), [(np.fft, np.float64), (scipy.fft, np.float32)])
def test_the_plain_deconvolution_is_ours(fft: object, dtype: type) -> None:
    plan = session_plan("ray")
    ours = make_pipeline(plan).deconvolve
    plain = PlainDeconvolver(ours, plan, fft, dtype)
    _, period = recorded_frames(plan)[0]
    for reference, delay in ((period.reference, 0.0), (None, 0.0), (None, 17.3)):
        expected = ours(period.samples, reference, delay)
        found = plain(period.samples, reference, delay)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_peers_that_are_there_agree_and_the_rest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, absent, None)
    rows = bench_peers(rounds=1, frames=30)
    for form in ("ray", "volume"):
        named = {r.name: r for r in rows if r.lifter == form}
        assert named[OURS].ratio == 1.0
        assert named[OURS].apart_mm == 0.0
        for name in ("deconvolution in numpy", "deconvolution in scipy"):
            assert named[name].apart_mm < 2.0
            assert 0.0 < named[name].median_ms <= named[name].p95_ms
        for name in ("fusion network in PyTorch", "fusion network in ONNX Runtime"):
            assert "pip install 'posekernel[peers]'" in named[name].absent
    assert table(rows).count("absent: not installed") == sum(bool(r.absent) for r in rows)


def test_the_command_gives_one_json_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (
        PeerRow("ray", OURS, 1.0, 1.1, 1.0, 0.0),
        PeerRow("ray", "fusion network in PyTorch", absent="not installed"),
    )
    monkeypatch.setattr("export.commands.studies.bench_peers.bench_peers", lambda _: rows)
    assert main(["bench-peers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=lambda c: pytest.fail(c))
    assert [r["median_ms"] for r in found["rows"]] == [1.0, None]


@pytest.mark.train
def test_pytorch_computes_the_same() -> None:
    rows = bench_peers(rounds=1, frames=30)
    named = {(r.lifter, r.name): r for r in rows}
    for form in ("ray", "volume"):
        float_mm = named[form, "networks in ai-edge-litert, float"].apart_mm
        assert named[form, "fusion network in PyTorch"].apart_mm == pytest.approx(float_mm, abs=0.1)
