"""The evaluation on tiny datasets: its counts, its handling of damaged samples, and its output."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.core.errors import ConfigError, ModelError, SessionError
from edge.core.pose import SCALE_SOURCES, LiftedPose
from edge.sources.session.dataset import Environment, Sample
from export.__main__ import main
from export.baselines.predictors import PREDICTORS, Predictor, make_predictor
from export.evaluate.evaluation import TOO_FEW, evaluate
from export.evaluate.html_report import make_report
from export.evaluate.labels import sample_facts
from export.evaluate.text_tables import format_comparison, format_evaluation
from tests.support.bodies import seen, standing
from tests.support.datasets import make_crowds, make_dataset, make_public

pytestmark = pytest.mark.export

RATE, BAND = 16000.0, (2000.0, 7500.0)


def off_by(error_m: Callable[[Sample], float], sigma_m: float = 0.1) -> Predictor:
    """A lifter that is off by so much to the right, and gives no pose where that is NaN."""

    def lift(sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        shifts = [error_m(sample.alone(k)) for k in range(len(sample.joints))]
        return [
            None
            if np.isnan(shift)
            else LiftedPose(
                joints[:15] + np.array([shift, 0.0, 0.0]),
                np.full(15, sigma_m),
                np.ones(15),
                "sound",
                10.0,
            )
            for joints, shift in zip(sample.joints, shifts, strict=True)
        ]

    return lift


def test_errors_are_grouped_by_what_the_samples_say(tmp_path: Path) -> None:
    e = evaluate(
        make_dataset(tmp_path), "x", off_by(lambda s: 0.12 if s.info["pose"] == "stand" else 0.04)
    )
    assert e.overall["mpjpe_mean"].value == pytest.approx(0.08, abs=1e-6)
    assert {k: v["mpjpe_median"].value for k, v in e.groups["pose"].items()} == pytest.approx(
        {"reach": 0.04, "stand": 0.12}
    )
    assert e.overall["pck_10cm"].value == pytest.approx(0.5)
    assert e.overall["within_sigma"].value == pytest.approx(0.5)
    assert list(e.groups["room"]) == ["room 0", "room 1"]
    assert list(e.groups["microphones"]) == ["6"]
    assert list(e.groups["sir"]) == [
        "below 0 dB",
        "0 to 5 dB",
        "5 to 10 dB",
        "10 to 15 dB",
        "15 to 20 dB",
    ]
    assert next(iter(e.groups["distance"])) == "1.5 to 2 m"
    for by in e.groups.values():
        assert sum(s["pck_15cm"].samples for s in by.values()) == 12
    assert [s["mpjpe_mean"].samples for s in e.groups["distance third"].values()] == [4, 4, 4]


def test_everybody_counts_and_is_told_apart(tmp_path: Path) -> None:
    def error(s: Sample) -> float:
        if s.name == "3" and s.info["sir_db"] == 3:
            return float("nan")
        return 0.04 if s.info["standing"] == "beside" else 0.12

    e = evaluate(make_crowds(tmp_path), "x", off_by(error))
    assert e.predictions.sample.tolist() == [
        f"environment1/{k}" for k in (0, 1, 1, 2, 2, 2, 3, 3, 3, 3)
    ]
    assert e.predictions.person.tolist() == [0, 0, 1, 0, 1, 2, 0, 1, 2, 3]
    assert {k: s["pck_15cm"].samples for k, s in e.groups["people"].items()} == {
        "1": 1, "2": 2, "3": 3, "4": 4,
    }  # fmt: skip
    assert e.groups["people"]["4"]["mpjpe_mean"].value == pytest.approx((2 * 4 + 12) / 300)
    assert e.groups["people"]["4"]["pck_20cm"].value == pytest.approx(3 / 4)
    assert {k: s["mpjpe_median"].value for k, s in e.groups["standing"].items()} == pytest.approx(
        {"beside": 0.04, "apart": 0.12}
    )
    assert e.no_pose == {"environment1/3, person 4 of 4": TOO_FEW}
    assert (e.as_dict()["samples"], e.as_dict()["people"]) == (4, 10)
    text = format_comparison([e])
    assert "| x, 1 person | 1 |" in text
    assert "| x, 4 people | 3 |" in text
    assert "4 samples of 10 people, 1 without a pose" in format_evaluation(e)
    assert "By standing" in make_report(e)


def test_refused_samples_are_named_and_count_as_misses(tmp_path: Path) -> None:
    e = evaluate(
        make_dataset(tmp_path, rooms=1),
        "x",
        off_by(lambda s: float("nan") if s.name == "2" else 0.0),
    )
    assert e.no_pose == {"environment1/2": TOO_FEW}
    assert e.predictions.scale_source.tolist() == [
        "sound",
        "sound",
        "none",
        "sound",
        "sound",
        "sound",
    ]
    assert e.overall["pck_20cm"].value == pytest.approx(5 / 6)
    assert e.overall["mpjpe_mean"].samples == 5


def test_damaged_samples_are_named_and_left_out(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, rooms=1)
    (root / "environment1" / "1" / "rir.npy").write_bytes(b"\x93NUMPY")
    np.save(root / "environment1" / "3" / "gnd.npy", np.zeros((7, 3)))
    e = evaluate(root, "x", off_by(lambda s: 0.0))
    assert sorted(e.skipped) == ["environment1/1", "environment1/3"]
    assert "(7, 3)" in e.skipped["environment1/3"]
    assert e.predictions.sample.tolist() == [f"environment1/{k}" for k in (0, 2, 4, 5)]
    for k in (0, 2, 4, 5):
        (root / "environment1" / str(k) / "gnd.npy").unlink()
    with pytest.raises(SessionError, match=r"not one usable sample \(6 are damaged"):
        evaluate(root, "x", off_by(lambda s: 0.0))


def test_a_limit_is_spread_over_all_rooms(tmp_path: Path) -> None:
    e = evaluate(make_dataset(tmp_path), "x", off_by(lambda s: 0.0), limit=4)
    assert e.predictions.sample.tolist() == [
        f"environment{room}/{k}" for room, k in ((1, 0), (1, 4), (2, 1), (2, 5))
    ]


@pytest.mark.parametrize("lifter", sorted(PREDICTORS))
def test_the_public_format_evaluates_with_every_lifter(tmp_path: Path, lifter: str) -> None:
    make_public(tmp_path)  # four pairs, 96 kHz, 49 joints, no rig.json and no images
    e = evaluate(tmp_path, lifter, make_predictor(lifter))
    if lifter == "floor-contact":  # the public folders do not say how high the camera stands
        assert "camera.height_m" in e.no_pose["environment2/0"]
        return
    assert e.no_pose == {}
    assert np.isfinite(e.predictions.joints).all()
    assert (e.predictions.sigma > 0).all()
    assert list(e.groups["microphones"]) == ["4"]
    assert e.groups["sir"].keys() == {"unknown"}


def test_a_missing_mid_hip_still_has_a_distance(tmp_path: Path) -> None:
    joints = standing(1.7, (0.0, 3.0))
    joints[8] = np.nan
    assert sample_facts(
        Sample("0", np.zeros((6, 16), np.float32), joints[None], (seen(standing()),), {})
    )["distance_m"] == pytest.approx(3.0, abs=0.2)


def test_command_writes_json_predictions_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset(tmp_path / "data")
    (root / "environment1" / "1" / "rir.npy").unlink()
    (root / "environment1" / "2" / "info.json").write_text('{"pose": "<script>alert(1)</script>"}')
    npz, html = tmp_path / "p.npz", tmp_path / "r.html"
    args = [
        "evaluate",
        str(root),
        "--lifter",
        "geometric",
        "--json",
        "--predictions",
        str(npz),
        "--report",
        str(html),
    ]
    assert main(args) == 0
    result = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (result["samples"], list(result["skipped"])) == (11, ["environment1/1"])
    measure = result["overall"]["mpjpe_median"]
    assert measure["low"] <= measure["value"] <= measure["high"]
    with np.load(npz) as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
        assert set(arrays["scale_source"].tolist()) <= set(SCALE_SOURCES)
    assert shapes == {
        "sample": (11,),
        "person": (11,),
        "joints": (11, 15, 3),
        "sigma": (11, 15),
        "scale_source": (11,),
    }
    text = html.read_text()
    assert "environment1/1" in text
    assert "&lt;script&gt;" in text
    assert text.count("<img") == 5
    # Nothing is fetched: no address but inline pictures.
    assert set(re.findall(r'(?:src|href)="([^"]{5})', text)) == {"data:"}
    assert not re.search(r"https?://|<script|@import|url\(", text)


def test_command_prints_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset(tmp_path, samples=3)
    assert main(["evaluate", str(root), "--lifter", "vision-only"]) == 0
    text = capsys.readouterr().out
    assert "6 samples, 0 without a pose, 0 damaged" in text
    assert "room 1" in text
    assert main(["evaluate", str(root), "--lifter", "vision-only,geometric"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [r.split("|")[1].strip() for r in rows[2:]] == ["vision-only", "geometric"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--lifter", "magic"], "one of assumed-height"),
        (["--lifter", "nothing.tflite"], "no such model file"),
        (["--lifter", "geometric", "--limit", "0"], "at least 1"),
        (["--lifter", "geometric,vision-only", "--report", "r.html"], "take one lifter"),
        (["--lifter", "vision-only", "--predictions", "/nowhere/p.npz"], "cannot be written"),
        (["--lifter", "vision-only", "--report", "/nowhere/r.html"], "cannot be written"),
    ],
)
def test_a_users_mistake_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], words: str
) -> None:
    root = make_dataset(tmp_path, samples=1, rooms=1)
    assert main(["evaluate", str(root), *args]) == 2
    assert words in capsys.readouterr().err


def test_a_model_file_needs_its_card(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    model.write_bytes(b"TFL3")
    with pytest.raises(ModelError, match="card"):
        make_predictor(str(model))
    with pytest.raises(ConfigError, match="no such folder"):
        evaluate(tmp_path / "nothing", "x", off_by(lambda s: 0.0))


def test_a_bad_sample_never_ends_an_evaluation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    env = make_dataset(tmp_path, samples=7, rooms=1) / "environment1"
    joints = np.load(env / "0" / "gnd.npy")
    np.save(env / "0" / "gnd.npy", joints * np.array([1.0, 1.0, -1.0]))
    (env / "1" / "info.json").write_text("[1, 2]")
    (env / "2" / "info.json").write_text("[" * 100_000)
    np.save(env / "3" / "gnd.npy", joints * 100.0)
    (env / "4" / "info.json").write_text('{"sir_db": 1e300, "pose": "\\u001b[2J", "room": [1]}')
    np.save(env / "5" / "rir.npy", np.zeros((6, 640), np.float32))
    assert main(["evaluate", str(tmp_path), "--lifter", "geometric", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(told["skipped"]) == [f"environment1/{k}" for k in range(4)]
    assert told["samples"] == 3
    assert r"\x1b[2J" in told["groups"]["pose"]
