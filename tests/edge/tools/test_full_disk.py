"""Output that cannot be written is one sentence with exit code 2, and the first error is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.core.errors import ConfigError, output_problem
from edge.output.message_file import MessageFile
from edge.sources.session.reader import DEMO_SESSION
from tests.support.waiting import PROGRAM_S

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def run(*arguments: object, module: str = "edge") -> tuple[int, str]:
    """Exit code and stderr of a program whose stdout is a full disk."""
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PROGRAM_S,
        )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "arguments", [("schema",), ("config", "--list"), ("replay", DEMO_SESSION, "--json")]
)
def test_a_full_disk_below_the_output_is_one_sentence(arguments: tuple[object, ...]) -> None:
    code, said = run(*arguments)
    assert code == 2, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert said.count("cannot be written (No space left on device)") == 1, said


def fill(path: Path) -> None:
    """More messages than any buffer holds."""
    with MessageFile(path, {"page": "x"}) as file:
        for _ in range(1000):
            file.publish_stream("envelope", {"values": [0.0] * 100})


def test_a_full_disk_below_the_messages_is_told_once() -> None:
    with pytest.raises(ConfigError, match=r"/dev/full: cannot be written \(No space"):
        fill(FULL)
    with pytest.raises(ConfigError, match="No space"), MessageFile(FULL, {"page": "x"}):
        pass  # what is buffered is written at the end only


def test_an_error_before_the_full_disk_is_the_one_told() -> None:
    with pytest.raises(KeyError, match="first"), MessageFile(FULL, {"page": "x"}):
        raise KeyError("first")


def test_a_short_write_of_numpy_is_a_full_disk_and_a_missing_file_is_not() -> None:
    assert "cannot be written" in output_problem(OSError("1000 requested and 64 written"))
    assert output_problem(FileNotFoundError(2, "No such file")) == ""
    assert os.strerror(122) in output_problem(OSError(122, os.strerror(122)))
