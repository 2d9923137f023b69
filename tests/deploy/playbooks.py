"""The playbooks against machines of machine.py, and what the broker heard."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.deploy.machine import Machine
from tests.deploy.parts.packages import FOLDER, VERSION
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto

DEPLOY = ROOT / "deploy"
CONFIG = "/etc/posekernel/config.toml"
STORE = "/var/cache/posekernel-packages"  # the roles' folder of packages
WATCHDOG_S = 60  # longer than a busy machine may leave the sensor without a processor
SETTINGS = {
    "device.id": "{{ inventory_hostname }}",
    "place.speaker_m": [0.1, 0.06, 0.0],
    "rig.camera.height_m": 1.4,
    "source.kind": "replay",
    "source.path": "/usr/lib/posekernel/lib/python3.11/site-packages/edge/sessions/demo",
    "source.loop": True,
    "mqtt.host": "127.0.0.1",
    "telemetry.interval_s": 2.0,
}
VARIABLES: dict[str, Any] = {
    "posekernel_array": "respeaker-usb-v2",
    "posekernel_board": "raspberry-pi-5",
    "posekernel_version": VERSION,
    "posekernel_packages": str(FOLDER),
    "runtime_settings": SETTINGS,
    "runtime_unit": {"WatchdogSec": WATCHDOG_S},
    "vault_ca_passphrase": "only for this test",
    "audio_verify": False,  # no sound card here
    "camera_packages": False,  # Raspberry Pi OS has them, Debian has not
    "audio_reboot": False,
    "camera_reboot": False,
}


def installed(machine: Machine) -> str:
    """The version of the package that is installed on a machine."""
    return machine.run("dpkg-query -W -f '${Version}' posekernel")


def hear(broker: Mosquitto, topic: str) -> dict[str, Any]:
    """The next message of a topic."""
    done = subprocess.run(
        ["mosquitto_sub", "-V", "mqttv5", "-h", broker.host, "-p", str(broker.port), "-t", topic,
         "-C", "1", "-W", "300"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def play(hosts: Path, book: str = "site.yml", machine: str = "hall", **more: Any) -> dict[str, int]:
    """Run a playbook; how often what happened on the machine. What Ansible said lies beside the
    inventory, in play.json.
    """
    out = hosts.parent / "play.json"
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(DEPLOY / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_FORCE_COLOR": "0",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", str(hosts), str(DEPLOY / book), "-e", json.dumps(more)],
        cwd=DEPLOY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    out.write_text(done.stdout + done.stderr)
    print(done.stdout[-6000:] + done.stderr)
    counts = re.search(rf"^{machine}\s+: (.*)$", done.stdout, re.MULTILINE)
    assert counts, "Ansible did not get as far as its recap"
    found = {k: int(v) for k, v in (pair.split("=") for pair in counts[1].split())}
    return {**found, "failures": found["failed"]}
