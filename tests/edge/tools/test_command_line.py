"""The command line as a new user meets it: every mistake is one sentence and exit code 2."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edge import __version__
from edge.__main__ import main
from edge.core.config import Config, DeviceConfig
from edge.core.inference.execution import execution
from edge.lifting.geometric_lifter import GeometricLifter
from edge.lifting.lifter import make_lifter
from edge.sound.pose_kernel import analytic_signal, make_kernels
from edge.sources.session.dataset import Sample, load_environment, write_environment, write_sample
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.bodies import compact_rig, seen, standing
from tests.support.broker.mosquitto import free_port
from tests.support.config_files import GOOD, REPLAY
from tests.support.messages import problems
from tests.support.waiting import finished


def fails(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """Run a command that must fail as a user's mistake; returns its one sentence."""
    assert main([str(a) for a in args]) == 2
    out, err = capsys.readouterr()
    ours = [line for line in err.splitlines() if line.startswith("posekernel")]
    assert out == ""
    assert len(ours) == 1
    assert "Traceback" not in err
    return ours[0]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert done.value.code == 0
    assert __version__ in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for command in ("run", "demo", "replay", "record", "doctor", "bench"):
        assert command in text


def test_help_loads_nothing_heavy() -> None:
    heavy = "[m for m in ('numpy', 'cv2', 'numba', 'msgspec') if m in sys.modules]"
    load = "import sys; from edge.tools.command_line import make_parser; make_parser()"
    script = f"{load}; print({heavy})"
    done = finished([sys.executable, "-c", script])
    assert done.stdout.strip() == "[]", done.stderr


def test_config_mistakes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no such file" in fails(capsys, "run", "--config", tmp_path / "none.toml")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(GOOD.replace("channels = 6", "chanels = 6", 1))
    assert "did you mean channels?" in fails(capsys, "run", "--config", wrong)


def test_missing_camera_and_sound_card(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(GOOD.replace("/dev/video0", "/dev/video987"))
    assert "/dev/video987 does not exist" in fails(capsys, "run", "--config", config)

    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    video = f'backend = "file"\ndevice = "{DEMO_SESSION / "frames.mp4"}"\nwidth = 540\nheight = 952'
    card = GOOD.replace(
        'backend = "v4l2"\ndevice = "/dev/video0"\nwidth = 640\nheight = 480', video
    ).replace("hw:1", "hw:CARD=none")
    config.write_text(card)
    message = fails(capsys, "run", "--config", config)
    assert "hw:CARD=none" in message


def test_damaged_recordings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, size in (
        ("audio.npy", 100_000),
        ("frames.mp4", 50_000),
        ("session.json", 100),
        ("truth.npz", 300),
    ):
        copy = tmp_path / name.partition(".")[0]
        shutil.copytree(DEMO_SESSION, copy)
        (copy / name).write_bytes((copy / name).read_bytes()[:size])
        assert name in fails(capsys, "replay", copy)
    assert "no such folder" in fails(capsys, "replay", tmp_path / "none")
    assert "session.json" in fails(capsys, "replay", tmp_path)
    assert "--height-prior" in fails(capsys, "replay", DEMO_SESSION, "--height-prior", "17")


def test_unreadable_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "edge" / "models", models)
    (models / "movenet_thunder_int8.tflite").write_bytes(b"not a model")
    monkeypatch.setattr("edge.sensor.pipeline.MODELS", models)
    assert "movenet_thunder_int8.tflite" in fails(capsys, "replay", DEMO_SESSION)


def test_recording_needs_consent(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(GOOD)
    assert "--consent" in fails(capsys, "record", tmp_path / "out", "--config", config)
    assert not (tmp_path / "out").exists()


def test_poses_go_on_without_a_broker(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(REPLAY.format(path=DEMO_SESSION, port=free_port()))
    with caplog.at_level("WARNING"):
        assert main(["run", "--config", str(config), "--json"]) == 0
    poses = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(poses) == 49  # one image alone makes no person
    assert {p["source"] for p in poses} == {"simulated"}
    assert np.median([p["error_m"] for p in poses]) < 0.2
    reported = [r for r in caplog.records if "nothing listens there" in r.getMessage()]
    assert len(reported) == 1


def test_the_messages_of_a_replay_fill_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "demo.jsonl"
    assert main(["replay", str(DEMO_SESSION), "--messages", str(file)]) == 0
    page, *messages = [json.loads(line) for line in file.read_text().splitlines()]
    assert (page["schema"], page["name"], page["frame"]) == ("posekernel.page/1", "demo", "room")
    kinds = [m["schema"].split("/")[0].removeprefix("posekernel.") for m in messages]
    assert kinds.count("pose") == 49
    assert (
        9 <= kinds.count("envelope") <= 13
    )  # two a second of the recording, however fast it is read
    for kind, message in zip(kinds, messages, strict=True):
        assert problems(kind, message) == []
        assert message["source"] == "simulated"
    times = [m["monotonic_ns"] for m in messages if m["schema"] == "posekernel.pose/2"]
    assert np.ptp(times) == pytest.approx(4.8e9, rel=0.01)  # of 50 images the first makes no pose
    capsys.readouterr()
    assert "cannot be written" in fails(
        capsys, "replay", DEMO_SESSION, "--messages", tmp_path / "none" / "demo.jsonl"
    )


def test_replay_of_a_dataset_names_damaged_samples(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    environment = tmp_path / "environment1"
    write_environment(environment, compact_rig(), 16000.0, (2000.0, 7500.0))
    for k in range(3):
        joints = standing(1.7, (0.0, 2.5 + 0.3 * k))
        rir = np.random.default_rng(k).normal(size=(6, 640)).astype(np.float32)
        write_sample(environment, Sample(str(k), rir, joints[None], (seen(joints),), {}))
    (environment / "1" / "rir.npy").write_bytes(b"")
    assert main(["replay", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["sample"] for line in out.splitlines()] == [
        "environment1/0",
        "environment1/2",
    ]
    assert "skipped environment1/1" in err
    assert "2 samples, 2 poses, 1 skipped" in err


def test_replay_of_a_dataset_uses_the_lifter_that_a_sensor_uses(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rig = compact_rig()
    environment = tmp_path / "environment1"
    write_environment(environment, rig, 16000.0, (2000.0, 7500.0))
    joints = standing(1.7, (0.0, 2.5))
    rir = np.random.default_rng(0).normal(size=(len(rig.pairs), 640)).astype(np.float32)
    write_sample(environment, Sample("0", rir, joints[None], (seen(joints),), {}))
    sample = next(iter(load_environment(environment)))
    kernels = make_kernels(
        analytic_signal(sample.rir, 16000.0, (2000.0, 7500.0)), 16000.0, (2000.0, 7500.0)
    )
    config = Config(DeviceConfig("replay"))
    lift = make_lifter(config.lifter, execution(config))
    assert not isinstance(lift, GeometricLifter)
    (pose,) = lift(sample.keypoints, kernels, rig)
    assert pose is not None
    assert main(["replay", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (person,) = told["people"]
    found = [person["joints"][k]["camera"] for k in range(15)]
    np.testing.assert_allclose(found, pose.joints, atol=1e-3)
    assert told["latency_ms"] is None
    assert not problems("pose", {k: v for k, v in told.items() if k not in ("sample", "error_m")})
