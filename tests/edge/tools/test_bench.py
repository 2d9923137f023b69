"""The front end bench: right results, the claimed ratio, an absent peer named."""

import argparse
import json
import sys
from dataclasses import replace

import pytest

from edge.core.errors import BenchError
from edge.tools.bench.front_end_peers import numpy_stages, scipy_int8_stages, scipy_stages
from edge.tools.bench.frontend import bench_frontend, print_result, run_bench
from edge.tools.bench.latency import bench_latency
from edge.tools.bench.scene import error_db, make_scene, our_int8_stages, our_stages
from edge.tools.bench.speed import bench_networks, bench_replay


def test_front_end_and_peers_agree_where_they_take_the_same_samples():
    def result(stages):
        value = scene.recording
        for stage in stages:
            value = stage(value)
        return value

    scene = make_scene((48, 64, 64))
    # Each reads at the nearest sixteenth of a sample or finer, steps of 0.7 mm of range, so two
    # differ by up to twice as much.
    for sampled, most_db, forms in (
        (scene, -34.0, (our_stages, our_int8_stages, scipy_stages, scipy_int8_stages)),
        (replace(scene, fewer=1), -45.0, (numpy_stages, scipy_stages, scipy_int8_stages)),
    ):
        first, *others = (result(form(sampled)) for form in forms)
        assert max(error_db(other, first) for other in others) < most_db


def test_front_end_equals_its_peers_at_full_size():
    result = bench_frontend(repetitions=2)
    assert (result.microphones, result.samples, result.voxels) == (6, 4800, (48, 64, 64))
    assert result.row("posekernel int8").ratio == 1.0
    # These pool over 5 samples at 16 kHz, numpy over 15 at 48 kHz; the worst voxel counts.
    for name, most_db in (
        ("posekernel int8", -33.0),
        ("posekernel float32", -33.0),
        ("scipy", -33.0),
        ("scipy int8", -33.0),
    ):
        assert result.row(name).error_db < most_db
        assert result.row(name).median_ms <= result.row(name).p95_ms


def test_absent_peer_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    result = bench_frontend(repetitions=1, voxels=(4, 4, 4))
    assert "not installed" in result.row("pyroomacoustics").absent
    print_result(result)
    assert "absent: not installed" in capsys.readouterr().out


def test_json_is_one_valid_object(monkeypatch, capsys):
    small = bench_frontend(repetitions=1, voxels=(4, 4, 4))
    monkeypatch.setattr("edge.tools.bench.frontend.bench_frontend", lambda: small)
    assert run_bench(argparse.Namespace(stage="frontend", json=True)) == 0
    rows = json.loads(
        capsys.readouterr().out, parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c))
    )["rows"]
    assert [r["name"] for r in rows] == [
        "posekernel int8", "posekernel float32", "numpy", "scipy", "scipy int8", "pyroomacoustics",
    ]  # fmt: skip


def test_latency_is_that_of_poses_which_really_arrived():
    result = bench_latency(seconds=2.0)
    assert result.poses > 2
    image, echo, transport = result.rows
    assert 0.0 < transport.median_ms < image.median_ms <= image.p95_ms <= image.longest_ms
    assert image.share == 100.0
    assert echo.median_ms > 0.0


def test_replay_counts_every_pose_of_a_fresh_process():
    result = bench_replay()
    assert result.poses > 10
    assert result.first_pose_s > 0.0
    assert result.rate_hz > 0.0
    assert result.cpu_ms > 0.0
    assert result.peak_rss_mb > 50.0  # interpreter, OpenCV and the networks


def test_a_replay_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(BenchError, match="two poses"):
        bench_replay(tmp_path)


def test_every_shipped_network_is_measured_in_both_kinds():
    rows = bench_networks(repetitions=2, threads=(1,))
    assert {r.file for r in rows} == {
        f"lifter_{form}{kind}.tflite" for form in ("ray", "volume") for kind in ("", "_int8")
    }
    assert all(r.ratio == 1.0 for r in rows if not r.file.endswith("_int8.tflite"))
    assert all(0.0 < r.median_ms <= r.p95_ms for r in rows)
