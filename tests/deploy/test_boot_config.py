"""config.txt as the roles leave it, whatever it ended with: their own tasks, on files here."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.playbooks import DEPLOY

BEFORE = {
    "ends in a section": "arm_64bit=1\n[pi4]\narm_boost=1\n",
    "ends without a newline": "arm_64bit=1\n[cm4]\notg_mode=1",
    "has the line ends of Windows": "arm_64bit=1\r\n[none]\r\nx=1\r\n",
    "is empty": "",
}
ROLES = ("camera", "audio")
ADDED = ["camera_auto_detect=1", "dtparam=i2c_arm=on", "dtparam=i2s=on"]


def play(role: str) -> dict[str, object]:
    """A play of the tasks of a role that write config.txt, with the role's own variables."""
    folder = DEPLOY / "roles" / role
    tasks = [
        {k: v for k, v in task.items() if k != "notify"}
        for task in yaml.safe_load((folder / "tasks/main.yml").read_text())
        if "ansible.builtin.blockinfile" in task
    ]
    assert tasks
    files = [str(folder / "defaults/main.yml"), str(folder / "vars/main.yml")]
    return {
        "hosts": "localhost", "connection": "local", "gather_facts": False,
        "vars_files": files, "tasks": tasks,
    }  # fmt: skip


def site(config: Path) -> str:
    """What an inventory says."""
    boot = {f"{role}_boot_config": str(config) for role in ROLES}
    firmware = {f"{role}_firmware_config": str(DEPLOY.parent / "firmware_config") for role in ROLES}
    names = {"posekernel_board": "raspberry-pi-4", "posekernel_array": "respeaker-2-mic-hat"}
    return json.dumps(boot | firmware | names)


def settings_of(text: str) -> list[tuple[str, str]]:
    """Each setting with the section that it belongs to, as the firmware reads them."""
    section, found = "all", []
    for line in (x.strip() for x in text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((section, line))
    return found


@pytest.mark.parametrize("end", BEFORE)
def test_what_is_added_to_config_txt_holds_for_every_board(end: str, tmp_path: Path) -> None:
    config = tmp_path / "config.txt"
    config.write_bytes(BEFORE[end].encode())
    (tmp_path / "play.yml").write_text(json.dumps([play(role) for role in ROLES]))
    command = ["ansible-playbook", "-i", "localhost,", "-e", site(config)]
    command.append(str(tmp_path / "play.yml"))
    environment = {**os.environ, "ANSIBLE_CONFIG": str(DEPLOY / "ansible.cfg")}

    def converge() -> str:
        done = subprocess.run(
            command, cwd=DEPLOY, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "changed=2" in converge()
    first = config.read_bytes()
    found = settings_of(first.decode())
    assert [x for x in found if x in settings_of(BEFORE[end])] == settings_of(BEFORE[end])
    for line in ADDED:
        assert ("all", line) in found
    assert "changed=0" in converge()
    assert config.read_bytes() == first
