"""Each row of the fault table is a test; all with POSEKERNEL_FAULT_TESTS=1."""

import os
from pathlib import Path

import pytest

from tests.support.broker.mosquitto import needs_mosquitto
from tests.system.faults.row import RowSkippedError
from tests.system.faults.rows import ROWS

QUICK = (
    "control_file_corrupted",
    "model_corrupted",
    "config_corrupted",
    "calibration_corrupted",
    "background_corrupted",
)


@needs_mosquitto
@pytest.mark.export
@pytest.mark.parametrize("name", ROWS)
def test_the_device_survives(name: str, tmp_path: Path) -> None:
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    if name not in QUICK and not os.environ.get("POSEKERNEL_FAULT_TESTS"):
        pytest.skip("POSEKERNEL_FAULT_TESTS=1 runs it")
    try:
        ROWS[name](tmp_path / "device")
    except RowSkippedError as e:
        pytest.skip(str(e))
