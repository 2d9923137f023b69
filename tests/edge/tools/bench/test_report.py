"""`posekernel bench`: it measures a real run, and its verdict follows from the figures."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge.__main__ import main
from edge.core.config import LifterConfig, load_config
from edge.core.inference.execution import choice_file, execution
from edge.tools.bench.choose import choose
from edge.tools.bench.compare import comparison_text, load_report
from edge.tools.bench.measure import FrameTimer, Timing
from edge.tools.bench.networks import NetworkTime, bench_keypoints, bench_lifters
from edge.tools.bench.report import Report, conditions, describe_machine, judge, report_text
from edge.tools.bench.sensors import (
    LatencyResult,
    ReplayResult,
    bench_config,
    network_tables,
    write_config,
)
from edge.tools.bench.stages import AVATAR, BEHAVIOUR, FRONT_END, bench_stages
from edge.tools.commands import bench


def network(name: str, threads: int, median_ms: float) -> NetworkTime:
    runtime = "ai-edge-litert"
    return NetworkTime(name, runtime, threads, median_ms, 1.2 * median_ms)


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
KEYPOINTS = tuple(network("keypoints", n, ms) for n, ms in ((1, 14.0), (2, 8.0)))


def report() -> Report:
    stages = (
        Timing("people (MoveNet)", 70, 14.0, 18.0, 14.0),
        Timing("encode", 50, 0.2, 0.3, 0.14),
        Timing(FRONT_END, 60, 0.8, 0.9, 0.7),
    )
    config = bench_config(None)
    return Report(
        created="2030-01-02T03:04:05+00:00",
        seconds=40.0,
        machine=describe_machine(),
        before=conditions(),
        after=conditions(),
        networks_run="",
        stages=stages,
        networks=(*KEYPOINTS, *LIFTERS),
        replay=ReplayResult(50, 1.1, 70.0, 20.0, 310.0),
        latency=LatencyResult(
            10.0, "mosquitto", (Timing("from the middle of the exposure", 100, 30.0, 40.0, 31.0),)
        ),
        choice=choose(config, KEYPOINTS, LIFTERS),
        verdict=judge(stages, 70.0, 15.0),
    )


def test_a_timer_adds_up_the_calls_of_each_frame() -> None:
    def wait(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    timer = FrameTimer()
    for frame in range(3):
        timer.next_frame()
        assert timer.call("wait", wait, 0.01) == 0.01
        if frame == 0:
            timer.call("wait", wait, 0.03)
            assert timer.watch([3, 1, 2], index="search").index(2) == 2
    by_name = {s.name: s for s in timer.stages()}
    assert list(by_name) == ["wait", "search"]
    assert by_name["wait"].count == 3
    assert 10.0 <= by_name["wait"].median_ms < by_name["wait"].p95_ms
    assert by_name["wait"].mean_ms >= (40.0 + 10.0 + 10.0) / 3
    assert by_name["search"].count == 1
    assert by_name["search"].mean_ms == pytest.approx(by_name["search"].median_ms / 3)


def test_stages_are_those_of_a_real_run_and_feed_the_networks() -> None:
    rows, inputs = bench_stages(bench_config(None), frames=26)
    named = {r.name: r for r in rows}
    assert set(named) == {
        "read sound (file)",
        "read image (video)",
        FRONT_END,
        "people (MoveNet)",
        f"lifter (ray {execution(bench_config(None)).variant})",
        BEHAVIOUR,
        "encode",
        AVATAR,
    }
    assert named["people (MoveNet)"].count == 26
    assert 0 < named["encode"].count == len(inputs.people) < 26
    assert named[FRONT_END].count >= 25
    assert all(0.0 < r.median_ms <= r.p95_ms and r.mean_ms > 0.0 for r in rows)
    lifters = bench_lifters(inputs, repetitions=1)
    assert {r.network for r in lifters} == {r.network for r in LIFTERS} | {"lifter volume float"}
    seen = bench_keypoints(inputs, repetitions=1)
    assert {r.network for r in seen} == {"keypoints"}
    assert choose(bench_config(None), seen, lifters).keypoints_threads >= 1


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
        [r for r in rows if r.network.startswith(kind)] for kind in ("keypoints", "lifter")
    )
    assert choose(bench_config(None), keypoints, lifters).runtime == "tflite-runtime"


def test_the_verdict_names_rate_and_limit() -> None:
    rows = report().stages
    good = judge(rows, 70.0, 15.0)
    assert good.sentence == (
        "keeps up: 70.0 poses/s against the 15 frames/s of your config; limited by people (MoveNet)"
    )
    bad = judge(rows, 9.0, 15.0)
    assert not bad.keeps_up
    assert bad.sentence.endswith("limited by people (MoveNet): lower camera.fps")
    assert judge(rows, 9.0, None).keeps_up


def test_tables_hold_every_figure() -> None:
    text = report_text(report())
    for part in ("people (MoveNet)", "lifter volume int8", "poses/s", "30.000", "310 MiB"):
        assert part in text
    assert text.endswith(report().verdict.sentence)


def test_comparison_flags_what_is_slower(tmp_path: Path) -> None:
    old, new = report(), report()
    new = replace(
        new,
        stages=(replace(new.stages[0], median_ms=17.0), *new.stages[1:2]),
        replay=replace(new.replay, rate_hz=50.0),
    )
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old.as_dict(), allow_nan=False))
    text = comparison_text(load_report(path), new)
    slower = [line.split("[ms]")[0] for line in text.splitlines() if line.endswith("  slower")]
    assert slower == ["run: people (MoveNet) ", "replay: a pose "]
    assert "17.000    1.21  slower" in text
    assert f"in one of them only: run: {FRONT_END} [ms]\n" in text
    assert "2 of " in text
    assert "another machine" not in text
    assert "another machine" in comparison_text(
        load_report(path), replace(new, machine={**new.machine, "board": "Other"})
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
        ('{"format": "posekernel-bench", "version": 1}', "version 1"),
        ('{"format": "posekernel-bench", "version": 3}', "damaged"),
        (json.dumps(report().as_dict() | {"stages": 3}), "damaged"),
        (
            json.dumps(report().as_dict() | {"stages": [{"name": "b", "median_ms": math.nan}]}),
            "NaN in it",
        ),
        (
            json.dumps(
                report().as_dict() | {"replay": report().as_dict()["replay"] | {"rate_hz": 0}}
            ),
            "replay.rate_hz",
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


def test_the_command_writes_compares_and_saves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(
        "edge.tools.bench.report.bench_all", lambda _config, say: say("measuring") or report()
    )
    out = tmp_path / "new.json"
    assert main(["bench", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out.strip().endswith("limited by people (MoveNet)")
    assert "measuring" in shown.err
    assert main(["bench", "--json", "--save", "--compare", str(out)]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["format"] == "posekernel-bench"
    assert "0 of" in shown.err
    assert choice_file(bench_config(None)).exists()
    assert execution(bench_config(None)).origin.startswith("measured best here")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--out", "/nowhere/at/all.json"], "there is no folder"),
        (["--config", "/nowhere.toml"], "no such file"),
    ],
)
def test_wrong_arguments_are_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    assert main(["bench", *arguments]) == 2
    assert why in capsys.readouterr().err


def test_progress_is_a_line_for_each_step_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = bench._Progress()
    progress.say("stages")
    progress.done()
    assert capsys.readouterr().err.endswith("s  stages\n")


def test_the_measured_sensor_runs_the_networks_of_the_configuration(tmp_path: Path) -> None:
    config = msgspec.structs.replace(
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
