"""A whole sensor under a flood of commands, and two sensors of one configuration."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.waiting import LIMIT_S


@pytest.mark.slow
@needs_mosquitto
def test_a_flood_of_commands_fills_no_log_and_a_second_sensor_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Mosquitto(tmp_path / "b") as broker, Subscriber(broker, "posekernel/hall/#") as seen:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[device]\nid = "hall"\n'
            f'[source]\nkind = "replay"\npath = "{DEMO_SESSION}"\nloop = true\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
            f'[runtime]\nstate_dir = "{tmp_path}"\n'
        )
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        with (
            log.open("wb") as errors,
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors) as sensor,
        ):
            try:
                seen.next("posekernel/hall/pose")
                second = subprocess.run(
                    command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False
                )
                for n in range(4800):
                    seen.client.publish(f"posekernel/hall/cmd/no-such-{n}", b"{}", qos=0)
                    if n % 96 == 0:
                        time.sleep(0.1)
                seen.client.publish("posekernel/hall/cmd/mute", b'{"on":true,"id":"last"}', qos=1)
                while seen.next("posekernel/hall/cmd/result")[0]["request"] != "last":
                    pass
                seen.next("posekernel/hall/pose")
            finally:
                sensor.terminate()
                sensor.wait(LIMIT_S)
    assert second.returncode == 2
    assert f"in use by process {sensor.pid} (" in second.stderr.splitlines()[-1]
    text = log.read_text()
    assert "more lines like this were left out" in text
    assert len(text.splitlines()) < 150
