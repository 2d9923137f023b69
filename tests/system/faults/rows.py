"""All rows of the table, in its order."""

from tests.system.faults import broker, files, machine, sound
from tests.system.faults.row import ROWS, Row

__all__ = ["ROWS", "Row", "broker", "files", "machine", "sound"]
