"""A sensor on its devices that knew before a restart that its camera hangs otherwise."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.config import load_config
from edge.sensor.plan import make_plan
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.config_files import write_config
from tests.support.waiting import LIMIT_S

pytestmark = needs_mosquitto


@contextmanager
def killed(
    broker: Mosquitto, card: AlsaTestDevice, config: Path, state: Path
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """`posekernel run` on a device, killed at the end. Yields what waits for its next message on a
    topic.
    """
    log = state.parent / "log"

    def newest(topic: str) -> dict[str, Any]:
        while True:
            at, payload, retained = heard.messages.get(timeout=LIMIT_S)
            if at == f"posekernel/hall/{topic}" and not retained:
                return dict(json.loads(payload))

    with Subscriber(broker, "posekernel/hall/#") as heard, log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            env=os.environ | card.env | {"STATE_DIRECTORY": str(state)},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            yield newest
        finally:
            process.kill()
            process.wait(LIMIT_S)
    assert "Traceback" not in log.read_text()


def kinds(health: dict[str, Any]) -> list[str]:
    return [p["kind"] for p in health["problems"] if p["device"] == "camera"]


def test_it_knows_until_another_height_is_configured(
    alsa_card: Callable[..., AlsaTestDevice], tmp_path: Path
) -> None:
    session = load_session(DEMO_SESSION)
    card = alsa_card(np.asarray(session.audio), session.excitation.sample_rate_hz)
    state, other = tmp_path / "state", tmp_path / "state" / "kitchen.height.json"
    kept = state / "hall.height.json"
    with Mosquitto(tmp_path / "broker") as broker:
        config = write_config(
            tmp_path / "config.toml", "hall", session, card, broker, "ray", 1.7, looped=True
        )
        rig = make_plan(load_config(config)).rig
        assert rig.camera.height_m is not None
        for path in (kept, other):
            KeptHeight(path, rig).keep(-0.3)
        was = kept.read_bytes()
        for _ in range(2):
            with killed(broker, card, config, state) as newest:
                assert kinds(newest("health")) == ["height"]
                poses = [newest("pose") for _ in range(3)]
            assert "floor" not in {p["scale_source"] for m in poses for p in m["people"]}
            assert kept.read_bytes() == was
        before = f"height_m = {rig.camera.height_m}"
        text = config.read_text()
        assert text.count(before) == 1
        config.write_text(text.replace(before, f"height_m = {rig.camera.height_m + 0.3}"))
        with killed(broker, card, config, state) as newest:
            assert kinds(newest("health")) == []
        assert not kept.exists()
        assert other.read_bytes() == was, "of another sensor"
