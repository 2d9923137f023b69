"""A wall clock of the sensor's own that can be stepped, as NTP does."""

import os
import struct
from pathlib import Path

from tests.support import ROOT
from tests.support.compiled import shared_library

SOURCE = ROOT / "tests" / "support" / "clock" / "stepped.c"


class SteppedClock:
    """env: for processes that live by it. `step` shifts it. Raises NoToolchainError."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "clock"
        self._file.write_bytes(struct.pack("=q", 0))
        self.env = {"LD_PRELOAD": str(shared_library(SOURCE)), "POSETEST_CLOCK": str(self._file)}

    def step(self, seconds: int) -> None:
        """Make the wall clock differ from the real one by so much."""
        fd = os.open(self._file, os.O_WRONLY)  # in place: the file is mapped
        try:
            os.pwrite(fd, struct.pack("=q", seconds), 0)
        finally:
            os.close(fd)
