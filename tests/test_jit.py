"""The numeric tests once more with the compiler off: the loops must mean the same as plain Python."""

import os
import subprocess
import sys
from pathlib import Path

SUBSET = (
    "test_deconvolution.py::test_equals_reference",
    "test_deconvolution.py::test_reference_takes_out_delay_level_and_colour",
    "test_pose_kernel.py::test_envelope_is_the_magnitude",
    "test_pose_kernel.py::test_pool_equals_reference",
    "test_volume.py::test_gather_of_a_pulse_equals_reference",
    "test_volume.py::test_points_equal_reference",
    "test_volume.py::test_coherent_points_interpolate_tones_of_any_band",
)


def test_kernels_mean_the_same_without_the_compiler():
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(here / name) for name in SUBSET)]
    done = subprocess.run(
        command, cwd=here.parent, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]
