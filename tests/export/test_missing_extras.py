"""A plain install works; a command that needs more names the extra to install."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import finished

pytestmark = pytest.mark.export

ROOT = Path(__file__).parents[2]
EXTRAS = (
    *("tqdm", "matplotlib", "torch", "litert_torch"),
    *("ai_edge_quantizer", "onnx", "onnxruntime"),
)


PLAIN = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from export.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run_plain(*args: str) -> subprocess.CompletedProcess[str]:
    """posekernel-export where no package of an extra can be imported."""
    return finished([sys.executable, "-c", PLAIN, *args], cwd=ROOT)


def test_the_help_needs_no_extra() -> None:
    done = run_plain("--help")
    assert done.returncode == 0, done.stderr
    assert "train-baselines" in done.stdout


@pytest.mark.parametrize(
    ("args", "package", "extra"),
    [
        (["simulate", "--samples", "1", "--out", "x"], "tqdm", "export"),
        (["evaluate", ".", "--lifter", "geometric", "--report", "x.html"], "matplotlib", "export"),
        (["falls", "--falls", "1"], "tqdm", "export"),
        (["calibration-cases", "--cases", "1"], "tqdm", "export"),
        (["train", "--data", ".", "--out", "x"], "torch", "train"),
        (["quantize", "x.pt", "--data", "."], "torch", "train"),
        (["train-baselines", "."], "torch", "train"),
    ],
)
def test_a_command_names_the_extra_it_needs(
    args: list[str], package: str, extra: str, tmp_path: Path
) -> None:
    paths = [str(tmp_path / a) if a.startswith("x") else a for a in args]
    done = run_plain(*paths)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"posekernel-export {args[0]}: "), done.stderr
    assert package in done.stderr
    assert f"pip install 'posekernel[{extra}]'" in done.stderr


def test_small_matrices_are_left_to_one_thread() -> None:
    """Before, `calibration-cases` took 2.0 s of processor a case, and 0.5 s with one thread."""
    code = (
        "import os, sys, contextlib, io\nfrom export.__main__ import main\n"
        "sys.argv = ['posekernel-export', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()\nprint(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
