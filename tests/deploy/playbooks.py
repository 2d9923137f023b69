"""The playbooks against machines of machine.py, and what the broker heard."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.deploy.machine import CACHE
from tests.support import ROOT
from tests.support.broker.mosquitto import Mosquitto
from tests.support.worse_model import carded, sums

DEPLOY = ROOT / "deploy"
VERSION = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]["version"]
CONFIG = "/etc/posekernel/config.toml"
WATCHDOG_S = 60  # longer than a busy machine may leave the sensor without a processor
SETTINGS = {
    "device.id": "{{ inventory_hostname }}",
    "place.speaker_m": [0.1, 0.06, 0.0],
    "source.kind": "replay",
    "source.path": "/opt/posekernel/current/lib/python3.11/site-packages/edge/sessions/demo",
    "source.loop": True,
    "mqtt.host": "127.0.0.1",
    "telemetry.interval_s": 2.0,
}
VARIABLES: dict[str, Any] = {
    "posekernel_array": "respeaker-usb-v2",
    "posekernel_board": "raspberry-pi-5",
    "posekernel_version": VERSION,
    "posekernel_wheelhouse": str(CACHE / "wheelhouse"),
    "runtime_settings": SETTINGS,
    "runtime_watchdog_s": WATCHDOG_S,
    "vault_ca_passphrase": "only for this test",
    "runtime_build": sys.version_info[:2]
    != (3, 11),  # then the wheelhouse has pyalsaaudio's source only
    "audio_verify": False,  # no sound card here
    "camera_packages": False,  # Raspberry Pi OS has them, Debian has not
    "audio_reboot": False,
    "camera_reboot": False,
}

VISION = "edge/models/lifter_vision.tflite"


def crashing() -> dict[str, bytes]:
    """What makes a release that passes every check and then crashes in service."""
    name = "edge/tools/commands/run.py"
    program = (DEPLOY.parent / name).read_bytes()
    crash = b"\n\ndef run(_: object) -> int:\n    raise RuntimeError('made to crash')\n"
    return {name: program + crash}


def make_wheelhouse() -> None:
    """What this repository is now, in CACHE / "wheelhouse"."""
    shutil.rmtree(CACHE / "wheelhouse", ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(DEPLOY / "wheelhouse.sh"), str(CACHE / "wheelhouse"), os.uname().machine, "3.11"],
        env=os.environ | {"PYTHON": sys.executable}, check=True,
    )  # fmt: skip


def hear(broker: Mosquitto, topic: str) -> dict[str, Any]:
    """The next message of a topic."""
    done = subprocess.run(
        ["mosquitto_sub", "-V", "mqttv5", "-h", broker.host, "-p", str(broker.port), "-t", topic,
         "-C", "1", "-W", "300"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def release(folder: Path, version: str, changed: Mapping[str, bytes] | None = None) -> Path:
    """A wheelhouse like ours with posekernel of another version. changed: files of the package that
    are others.

    All checksums match: whether the release is any good shows only when it runs.
    """
    shutil.copytree(CACHE / "wheelhouse", folder)
    old = next(folder.glob("posekernel-*.whl"))
    new = folder / old.name.replace(VERSION, version)
    with (
        zipfile.ZipFile(old) as source,
        zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        files = {name: source.read(name) for name in source.namelist()} | dict(changed or {})
        models = {Path(n).name: f for n, f in files.items() if n.endswith(".tflite")}
        files |= {
            n: carded(f, models)
            for n, f in files.items()
            if n.startswith("edge/models/lifter_") and n.endswith(".json")
        }
        files["edge/models/SHA256SUMS"] = sums(models)
        for name, data in files.items():
            if name == "edge/__init__.py" or name.endswith(
                (".dist-info/METADATA", ".dist-info/RECORD")
            ):
                data = data.replace(
                    VERSION.encode(), version.encode(), -1 if name.endswith("RECORD") else 1
                )
            target.writestr(
                name.replace(f"posekernel-{VERSION}.dist-info", f"posekernel-{version}.dist-info"),
                data,
            )
    old.unlink()
    (folder / "SHA256SUMS").unlink()
    subprocess.run("sha256sum -- * > SHA256SUMS", shell=True, cwd=folder, check=True)
    return folder


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
