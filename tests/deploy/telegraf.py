"""A real Telegraf, with the configuration that the hub's role renders for its version."""

import json
import os
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from tests.deploy.hub import ROLE

BINARY = shutil.which(os.environ.get("POSEKERNEL_TELEGRAF", "telegraf"))
ANSIBLE = shutil.which("ansible")


def render(folder: Path, version: str, **variables: Any) -> dict[str, Any]:
    """telegraf.conf.j2 in folder/telegraf.d, by Ansible itself, for a Telegraf that says this
    `version`; and what it says.
    """
    assert ANSIBLE is not None
    (folder / "telegraf.d").mkdir(parents=True, exist_ok=True)
    variables = {
        "hub_telegraf_version": {"stdout": version},
        "ansible_managed": "by a test",
        **variables,
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    target = folder / "telegraf.d" / "posekernel.conf"
    files = [ROLE / "defaults" / "main.yml", ROLE / "vars" / "main.yml", folder / "variables.json"]
    done = subprocess.run(
        [ANSIBLE, "hub", "-i", "hub,", "-c", "local", *(a for f in files for a in ("-e", f"@{f}")),
         "-m", "ansible.builtin.template",
         "-a", f"src={ROLE}/templates/telegraf.conf.j2 dest={target} mode=0600"],
        env=os.environ | {"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return tomllib.loads(target.read_text())


class Telegraf:
    """Runs in a folder that `render` has filled; start and stop it as often as you like."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "log"
        self._environment = os.environ | environment
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def version() -> str:
        """What it says of itself."""
        assert BINARY is not None
        return subprocess.run(
            [BINARY, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()

    def start(self) -> None:
        assert BINARY is not None
        files = [
            "--config",
            str(ROLE / "files" / "telegraf.conf"),
            "--config-directory",
            str(self.folder / "telegraf.d"),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, *files], env=self._environment, stdout=log, stderr=log
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, as systemd does."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30.0)
            self._process = None

    def ended(self, patience_s: float) -> int | None:
        """Its exit status once it ends by itself."""
        assert self._process is not None
        try:
            return self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return None
