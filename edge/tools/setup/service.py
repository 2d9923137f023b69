"""The installed service: let go of the devices for the setup, and start with what it wrote."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.sensor.process.leaving import tidied
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import Say

UNIT = "posekernel.service"
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # ProtectHome=, PrivateTmp=
_OWN_ERROR = "posekernel run: "
_START_S = 660.0  # the unit itself gives up after 600 s: a first start compiles


def can_control() -> bool:
    """Whether this process may stop and start the installed service."""
    return os.geteuid() == 0 and _systemctl("cat", UNIT) is not None


def is_running() -> bool:
    """Whether it runs, as far as that can be asked."""
    return _systemctl("is-active", UNIT) is not None


@contextmanager
def paused(draft: Draft, say: Say) -> Iterator[None]:
    """Inside, the service holds no device; afterwards it runs again where it did before."""
    stopped = draft.is_service and can_control() and is_running()
    if stopped:
        say("the running sensor is stopped meanwhile, so that its devices are free")
        _systemctl("stop", UNIT)

    def go_on() -> None:
        if stopped and not is_running():
            _systemctl("start", "--no-block", UNIT)

    with tidied(go_on):
        yield


def start() -> str:
    """Start the service, now and at each boot, with what was written; "" when it says that it is
    ready, else what its log says about it.
    """
    _systemctl("enable", UNIT)
    if _systemctl("restart", UNIT) is not None and is_running():
        return ""
    log = _run(["journalctl", "-u", UNIT, "-n", "20", "-o", "cat", "--no-pager"]) or ""
    own = [line for line in log.splitlines() if line.startswith(_OWN_ERROR)]
    if own:
        return own[-1].removeprefix(_OWN_ERROR)
    return " ".join(log.split()) or "it left no log"


def hides(draft: Draft, path: str) -> bool:
    """Whether the service, once installed, may not look where this file is."""
    hidden = any(Path(path).is_relative_to(folder) for folder in _HIDDEN)
    return hidden and draft.is_service and can_control()


def command(draft: Draft) -> str:
    """What starts the sensor by hand."""
    return f"posekernel run --config {draft.path}"


def _systemctl(*arguments: str) -> str | None:
    return _run(["systemctl", *arguments])


def _run(arguments: list[str]) -> str | None:
    """The output; None where the program is missing, fails or does not end."""
    if shutil.which(arguments[0]) is None:
        return None
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
