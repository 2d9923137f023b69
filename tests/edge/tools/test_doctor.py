"""Doctor names what is wrong, and hides nothing."""

import json
import sys
from pathlib import Path

import pytest

from edge.__main__ import main
from tests.support.broker.mosquitto import free_port
from tests.support.config_files import REPLAY
from tests.support.waiting import finished


def test_doctor_reports_everything_and_the_worst_decides(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["doctor", "--json"]) == 0
    found = {f["check"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["model movenet_thunder_int8.tflite"]["outcome"] == "ok"
    config = tmp_path / "config.toml"
    config.write_text(REPLAY.format(path=tmp_path / "none", port=free_port()))
    assert main(["doctor", "--config", str(config)]) == 1
    text = capsys.readouterr().out
    assert "ERROR    session" in text
    assert "ERROR    broker" in text
    assert "nothing listens there" in text


def test_doctor_survives_a_package_that_cannot_be_loaded() -> None:
    without = "import sys; sys.modules['cv2'] = None; from edge.__main__ import main; "
    done = finished([sys.executable, "-c", f"{without}sys.exit(main(['doctor']))"])
    assert done.returncode == 1
    assert "OK       numpy" in done.stdout
    assert "ERROR    posekernel" in done.stdout
    assert "cv2" in done.stdout
    assert "Traceback" not in done.stderr
