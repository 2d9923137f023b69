"""`posekernel bench` as a whole: what is measured is really run, and what is told of it follows
from the figures.
"""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.config import LifterConfig, load_config
from edge.core.errors import BenchError
from edge.core.inference.execution import choice_file, execution
from edge.lifting.lifter import MODELS
from edge.lifting.person_view import FEATURES
from edge.sound.gather import shuffle
from edge.tools.bench import command
from edge.tools.bench.choose import choose
from edge.tools.bench.compare import compare, comparison_text, load_report
from edge.tools.bench.front_end import STAGES, FrontEnd
from edge.tools.bench.latency import LatencyResult, LatencyRow
from edge.tools.bench.machine import Limits, conditions, describe_machine, measure_limits
from edge.tools.bench.measure import CallTimer, Row
from edge.tools.bench.plot import plot_report
from edge.tools.bench.report import Report, judge
from edge.tools.bench.roofline import Point, deconvolution_work, network_work, volume_work
from edge.tools.bench.scaling import fit_line
from edge.tools.bench.sensor import bench_config, network_tables, write_config
from edge.tools.bench.speed import NetworkRow, ReplayResult, bench_keypoints, bench_lifters
from edge.tools.bench.stages import bench_front_end, bench_stages
from edge.tools.bench.tables import report_markdown, report_text


def network(
    file: str, threads: int, median_ms: float, runtime: str = "ai-edge-litert"
) -> NetworkRow:
    return NetworkRow(file, runtime, threads, median_ms, 1.2 * median_ms, 1.0, median_ms, 3.0)


LIFTERS = tuple(
    network(f"lifter {form} {variant}", threads, ms)
    for form, variant, threads, ms in (
        ("ray", "int8", 1, 1.0),
        ("ray", "int8", 2, 0.95),
        ("ray", "float", 1, 1.3),
        ("volume", "int8", 1, 9.0),
        ("volume", "int8", 2, 5.0),
        ("volume", "float", 1, 4.0),
    )
)
KEYPOINTS = tuple(
    network(f"keypoints {model}", n, ms)
    for model, n, ms in (("full", 1, 14.0), ("full", 2, 8.0), ("lite", 1, 5.0))
)


def report() -> Report:
    rows = (
        Row("run", "keypoints (full)", 70, 14.0, 18.0, 20.0, 3.0, 800.0, 0.0, share_ms=14.0),
        Row("run", "encode", 50, 0.2, 0.3, 0.2, 0.0, share_ms=0.14),
        Row("front end", "volume", 60, 0.8, 0.9, 0.8, 0.0, 100.0, 2.0),
    )
    config = bench_config(None)
    return Report(
        created="2030-01-02T03:04:05+00:00",
        seconds=40.0,
        machine=describe_machine(),
        before=conditions(),
        after=conditions(),
        networks_run="",
        rows=rows,
        keypoints=KEYPOINTS,
        lifters=LIFTERS,
        networks=(network("lifter_ray.tflite", 1, 0.3),),
        replay=ReplayResult(50, 1.1, 70.0, 20.0, 310.0),
        latency=LatencyResult(
            100,
            10.0,
            "mosquitto",
            (LatencyRow("from the middle of the exposure", 30.0, 40.0, 50.0, 100.0),),
        ),
        limits=Limits({"1": 30.0, "8": 20.0, "64": 10.0}, 50.0, 90.0),
        roofline=(Point("volume", 3.5e6, 9e6, 0.8, 0.09, 0.6, "bandwidth"),),
        scaling=(fit_line("microphones", "whole front end", (1.0, 2.0, 4.0), (0.3, 0.5, 0.9)),),
        choice=choose(config, KEYPOINTS, LIFTERS),
        verdict=judge(rows, 70.0, 15.0),
    )


def test_a_clock_tells_time_and_memory_of_each_name() -> None:
    def work(megabytes: int) -> int:
        return int(np.ones(megabytes << 20, np.uint8).sum())

    with CallTimer() as clock:
        assert [clock.call("work", work, 1) for _ in range(3)] == [1 << 20] * 3
    with CallTimer(allocations=True) as watched:
        clock_watched = watched.watch([3, 1, 2], index="work")
        assert clock_watched.index(2) == 2
        watched.call("big", work, 4)
    (row,) = clock.rows("group", frames=6)
    assert (row.group, row.name, row.calls) == ("group", "work", 3)
    assert 0.0 < row.median_ms <= row.p95_ms
    assert row.share_ms == pytest.approx(row.median_ms / 2)
    assert row.peak_kib is None
    assert watched._samples["big"][0][0] >= 4096.0


def test_the_front_end_subtracts_the_room_of_somebody_who_walks() -> None:
    end, clock = FrontEnd((8, 8, 8), microphones=2, sample_rate_hz=16_000), CallTimer()
    for _ in range(8):
        volume = end.run(clock).values
    assert volume.shape == (2, 8, 8, 8)
    assert end._background.rejected == 0
    assert end._background.residual_db < -30.0
    assert 0.0 < volume.max() < 0.5  # the direct sound, which is 1, is gone
    assert [r.name for r in clock.rows("front end")] == list(STAGES)
    end.learn_empty(clock)
    assert end._background.rejected == 0


def test_front_end_rows_name_every_stage_and_their_sum() -> None:
    rows, _ = bench_front_end(repetitions=2)
    named = {r.name: r for r in rows}
    assert set(named) == {*STAGES, "all", "background, room empty"}
    assert named["all"].median_ms >= named["volume"].median_ms
    assert all(r.compiled_allocations is not None for r in rows if r.name in STAGES)


def test_stages_are_those_of_a_real_run_and_feed_the_other_lifters() -> None:
    rows, given = bench_stages(bench_config(None), frames=26)
    named = {r.name: r for r in rows}
    assert set(named) == {
        "read sound (file)",
        "read image (video)",
        "deconvolution",
        "background",
        "envelope",
        "keypoints (full)",
        f"lifter (ray {execution(bench_config(None)).variant})",
        "track",
        "activity",
        "encode",
    }
    assert named["keypoints (full)"].calls == 26
    assert 0 < named["encode"].calls == len(given.persons) < 26
    assert all(
        r.median_ms > 0.0 and r.peak_kib is not None and r.share_ms is not None for r in rows
    )
    lifters = bench_lifters(given, repetitions=1)
    assert {r.file for r in lifters} == {r.file for r in LIFTERS} | {"lifter volume float"}
    seen = bench_keypoints(given, repetitions=1)
    assert {r.file for r in seen} == {"keypoints full", "keypoints lite"}
    assert choose(bench_config(None), seen, lifters).keypoints_threads >= 1


def test_limits_are_plausible_for_any_machine() -> None:
    limits = measure_limits()
    assert all(
        0.05 < v < 10_000.0
        for v in (*limits.copy_gb_s.values(), limits.gflop_s, limits.gflop_s_all)
    )
    assert limits.bandwidth(2e6) == limits.copy_gb_s["1"]
    assert limits.bandwidth(1e9) == limits.copy_gb_s["64"]


def test_work_is_counted_from_graph_and_tables() -> None:
    width = 448
    weights = FEATURES * width + 4 * width * width + width * 46
    vision = network_work(MODELS / "lifter_vision.tflite")
    assert 2 * weights <= vision.operations < 2.05 * weights
    assert vision.bytes > 4 * weights
    assert (
        network_work(MODELS / "lifter_ray_int8.tflite").bytes
        < 0.6 * network_work(MODELS / "lifter_ray.tflite").bytes
    )
    end = FrontEnd((2, 4, 4), microphones=3)  # fewer voxels than a vector has
    points = 640 * 64 + 1  # a window of 40 ms at 16 kHz, 64 points a sample
    assert volume_work(end).operations == 4 * 3 * points
    assert volume_work(end).bytes == 3 * (2 * points + 32 * (2 + 1) + 4 * 640)
    larger = FrontEnd((2, 64, 64), microphones=1)
    if larger.volume.gather_of_codes.vectors:
        voxels, lanes = 2 * 64 * 64, shuffle().lanes
        assert volume_work(larger).operations == 6 * voxels
        assert volume_work(larger).bytes == voxels * (2 + 1) + 2 * voxels / lanes + 4 * 640
    one = deconvolution_work(FrontEnd((2, 4, 4), microphones=1)).operations
    assert deconvolution_work(end).operations == pytest.approx(3 * one)
    fft = [5.0 * n * np.log2(n) for n in (4800, 1600)]
    assert 0.5 * fft[0] + fft[1] < one < 1.1 * (0.5 * fft[0] + fft[1])


def test_a_straight_line_is_found() -> None:
    fit = fit_line("n", "all", (1.0, 2.0, 4.0, 8.0), (3.0, 5.0, 9.0, 17.0))
    assert (fit.slope, fit.intercept, fit.r2) == pytest.approx((2.0, 1.0, 1.0))
    assert fit_line("n", "all", (1.0, 2.0, 3.0), (1.0, 5.0, 1.0)).r2 == pytest.approx(0.0)


def test_the_choice_takes_more_threads_or_the_float_file_only_where_they_pay() -> None:
    best = choose(bench_config(None), KEYPOINTS, LIFTERS)
    assert best.keypoints_threads == 2
    assert (best.ray.variant, best.ray.threads) == ("int8", 1)  # two threads gain 5 %
    assert (best.volume.variant, best.volume.threads) == ("float", 1)
    faster = [
        replace(r, runtime="tflite-runtime", median_ms=r.median_ms / 2)
        for r in (*KEYPOINTS, *LIFTERS)
    ]
    rows = [*KEYPOINTS, *LIFTERS, *faster]
    keypoints, lifters = (
        [r for r in rows if r.file.startswith(kind)] for kind in ("keypoints", "lifter")
    )
    assert choose(bench_config(None), keypoints, lifters).runtime == "tflite-runtime"


def test_the_verdict_names_rate_and_limit() -> None:
    rows = report().rows
    good = judge(rows, 70.0, 15.0)
    assert (
        good.sentence
        == "keeps up: 70.0 poses/s against the 15 frames/s of your config; limited by keypoints (full)"
    )
    bad = judge(rows, 9.0, 15.0)
    assert not bad.keeps_up
    assert 'keypoints.model = "lite"' in bad.sentence
    assert judge(rows, 9.0, None).keeps_up


def test_tables_hold_every_figure() -> None:
    r = report()
    for text in (report_text(r), report_markdown(r)):
        for part in (
            "keypoints (full)",
            "lifter volume int8",
            "poses/s",
            "microphones",
            "GFLOP/s",
            r.verdict.sentence,
        ):
            assert part in text
    assert "| keypoints (full) | 14.000 |" in report_markdown(r)


def test_comparison_flags_what_is_slower(tmp_path: Path) -> None:
    old, new = report(), report()
    new = replace(
        new,
        rows=(replace(new.rows[0], median_ms=17.0), *new.rows[1:2]),
        replay=replace(new.replay, rate_hz=50.0),
    )
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old.as_dict(), allow_nan=False))
    changes, alone = compare(load_report(path), new.as_dict())
    slower = {c.name: round(c.ratio, 2) for c in changes if c.slower}
    assert slower == {"run: keypoints (full) [ms]": 1.21, "replay: a pose [ms]": 1.4}
    assert alone == ["front end: volume [ms]"]
    text = comparison_text(load_report(path), new.as_dict())
    assert text.count("  slower") == 2
    assert "another machine" not in text
    assert "another machine" in comparison_text(
        load_report(path), new.as_dict() | {"machine": {"board": "Other"}}
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        ("", "not JSON"),
        ("\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "format 'list'"),
        ('{"format": "posekernel-board", "version": 1}', "format 'posekernel-board'"),
        ('{"format": "posekernel-bench", "version": 2}', "version 2"),
        ('{"format": "posekernel-bench", "version": 1}', "damaged"),
        (json.dumps(report().as_dict() | {"rows": 3}), "damaged"),
        (
            json.dumps(
                report().as_dict() | {"rows": [{"group": "a", "name": "b", "median_ms": math.nan}]}
            ),
            "damaged",
        ),
        (
            json.dumps(
                report().as_dict() | {"replay": {"rate_hz": 0, "first_pose_s": 1, "peak_rss_mb": 1}}
            ),
            "damaged",
        ),
    ],
)
def test_a_foreign_file_is_refused_before_anything_is_measured(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    why: str,
) -> None:
    monkeypatch.setattr("edge.tools.bench.report.bench_all", lambda *_: pytest.fail("measured"))
    path = tmp_path / "old.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    assert main(["bench", "--compare", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"posekernel bench: {path}: ")
    assert why in error
    assert error.count("\n") == 1


def test_the_command_writes_compares_draws_and_saves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(
        "edge.tools.bench.report.bench_all", lambda _config, say: say("measuring") or report()
    )
    outs = tmp_path / "new.json", tmp_path / "new.md"
    assert main(["bench", "--out", str(outs[0]), "--out", str(outs[1])]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip().endswith("limited by keypoints (full)")
    assert "measuring" in shown.err
    assert outs[1].read_text().startswith("# What")
    assert main(["bench", "--json", "--save", "--compare", str(outs[0])]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == "posekernel-bench"
    assert "0 of" in shown.err
    assert choice_file(bench_config(None)).exists()
    assert execution(bench_config(None)).origin.startswith("measured best here")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--stage", "replay", "--save"], "leave out --stage replay"),
        (["--out", "/nowhere/at/all.json"], "there is no folder"),
        (["--config", "/nowhere.toml"], "no such file"),
    ],
)
def test_wrong_arguments_are_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert main(["bench", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_a_plot_is_a_picture_or_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    plot_report(report(), tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BenchError, match="cannot be written"):
        plot_report(report(), tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchError, match=r"pip install 'posekernel\[bench\]'"):
        plot_report(report(), tmp_path / "bench.png")


def test_progress_is_one_line_each_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    progress = command._Progress()
    progress.say("stages")
    progress.done()
    assert capsys.readouterr().err.endswith("s  stages\n")


def test_the_measured_sensor_runs_the_networks_of_the_configuration(tmp_path: Path) -> None:
    config = replace(
        bench_config(None), lifter=LifterConfig(kind="volume", variant="float", threads=2)
    )
    written = load_config(
        write_config(tmp_path, {"path": "x"}, {"enabled": False}, network_tables(config))
    )
    assert (written.lifter.kind, written.lifter.variant, written.lifter.threads) == (
        "volume",
        "float",
        2,
    )
    assert written.keypoints.threads == execution(config).keypoints_threads
    assert written.runtime.tflite == execution(config).runtime
