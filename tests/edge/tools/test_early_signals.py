"""A signal while a program still loads ends it as quietly as one later, and leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import LIMIT_S, catches, finished, state_of, until

# Until a signal, exit code 0; the others 130 or 143.
UNTIL_STOPPED = [
    ("replay", str(DEMO_SESSION), "--realtime"),
    ("replay", str(DEMO_SESSION), "--json"),
    ("run", "--config", "CONFIG"),
    ("demo",),
]
OTHERS = [("bench",), ("doctor", "--self-test")]
LATER_S = (
    *(0.0, 0.3, 1.0),
    *(pytest.param(s, marks=pytest.mark.slow) for s in (0.05, 0.1, 0.2, 0.5, 0.8, 1.5, 2.5, 4.0)),
)


def children(folder: Path) -> list[str]:
    """Command lines of processes that were told of this folder, which only this test knows."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            environment = (process / "environ").read_bytes()
            if os.fsencode(f"TMPDIR={folder}") in environment:
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [command for command in found if command]  # "": ended, and not yet waited for


def ended_early(
    command: tuple[str, ...],
    number: signal.Signals,
    folder: Path,
    later_s: float = 0.0,
    when: Callable[[], object] = lambda: True,
) -> tuple[int, str]:
    """Exit code and what was said. The signal comes `later_s` after the program heeds signals and
    `when` holds.
    """
    config = folder.with_name("config.toml")
    config.write_text(
        f'device = {{ id = "a" }}\nmqtt = {{ enabled = false }}\nruntime.state_dir = "{folder}"\n'
        f'source = {{ kind = "replay", path = "{DEMO_SESSION}", loop = true }}\n'
    )
    folder.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "edge"),
            *(str(config) if word == "CONFIG" else word for word in command),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        assert until(lambda: catches(process.pid) and when())
        time.sleep(later_s)  # wherever it is by then
        os.kill(process.pid, signal.SIGSTOP)  # of `process` it would take away one that has ended
        assert until(lambda: state_of(process.pid) in "TZ")
        done = not catches(process.pid, number)  # it cannot come to its end while it is looked at
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=LIMIT_S)
        if done and command in OTHERS:
            assert process.returncode == 0, said
            pytest.skip(f"{command[0]} has done its work within {later_s} s here")
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [*UNTIL_STOPPED, *OTHERS], ids=lambda c: f"{c[0]}{c[-1][:3]}")
@pytest.mark.parametrize("later_s", LATER_S)
def test_it_ends_without_a_traceback_and_leaves_nothing(
    command: tuple[str, ...], number: signal.Signals, later_s: float, tmp_path: Path
) -> None:
    folder = tmp_path / "temporary"
    code, said = ended_early(command, number, folder, later_s)
    assert code == (0 if command in UNTIL_STOPPED else 128 + number), said
    assert "Traceback" not in said, said
    assert "Exception ignored" not in said, said
    assert_nothing_left(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_takes_its_folder_and_its_broker_away(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    code, said = ended_early(("demo",), number, folder, when=lambda: kept(folder))
    assert (code, "Traceback" in said) == (0, False), said
    assert_nothing_left(folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_bench_takes_its_sensor_away(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    code, said = ended_early(
        ("bench",), number, folder, when=lambda: any("edge\0run" in c for c in children(folder))
    )
    assert (code, "Traceback" in said) == (128 + number, False), said
    assert_nothing_left(folder)


def kept(folder: Path) -> list[Path]:
    """What the program has put into its folder for temporary files, and not taken away."""
    return [p for p in folder.iterdir() if p.name.startswith("posekernel-")]


def assert_nothing_left(folder: Path) -> None:
    """No process and no folder."""
    assert until(lambda: not children(folder)), children(folder)
    assert not kept(folder)


def test_a_signal_after_the_work_is_done_changes_nothing() -> None:
    """At the interpreter's end, where it would kill the process by the signal's default."""
    script = (
        "import atexit, os, signal, sys\n"
        "sys.argv = ['posekernel', 'config', '--list']\n"
        "from edge.__main__ import main\n"
        "code = main()\n"
        "class Last:\n"
        "    def __del__(self):\n"
        "        self.kill(self.pid, self.number)\n"
        "last = Last()\n"
        "last.kill, last.pid, last.number = os.kill, os.getpid(), signal.SIGINT\n"
        "sys.modules['kept'] = last\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-c", script]
    done = finished(command)
    assert done.returncode == 0, done.stderr
