"""Files that can be read after every piece that is added to them."""

import json
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

_HEADER_BYTES = 128  # enough for any length: it is rewritten in place when rows are added


class GrowingArray:
    """An .npy file that is valid after each `append`: the rows are written before their count."""

    def __init__(self, file: Path, dtype: npt.DTypeLike, row: tuple[int, ...] = ()):
        self._dtype, self._row = np.dtype(dtype), row
        self._file: IO[bytes] = file.open("wb", buffering=0)
        self._end, self.rows = _HEADER_BYTES, 0
        self._write_header()

    def append(self, rows: npt.ArrayLike) -> None:
        """Add rows (K, *row). Raises OSError; then the file holds those before."""
        data = np.ascontiguousarray(rows, self._dtype)
        _write_all(self._file, self._end, data.tobytes())
        self._end, self.rows = self._end + data.nbytes, self.rows + len(data)
        self._write_header()

    def close(self) -> None:
        """Nothing can be added any more."""
        self._file.close()

    def _write_header(self) -> None:
        text = repr(
            {"descr": self._dtype.str, "fortran_order": False, "shape": (self.rows, *self._row)}
        )
        magic = b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little")
        _write_all(self._file, 0, magic + text.encode().ljust(_HEADER_BYTES - 11) + b"\n")


class GrowingObject:
    """A JSON object of strings that is valid after each `add` (it overwrites the last brace)."""

    def __init__(self, file: Path):
        self._file: IO[bytes] = file.open("wb", buffering=0)
        _write_all(self._file, 0, b"{}")
        self._end, self._first = 1, True

    def add(self, key: str, value: str) -> None:
        """Add one entry. Raises OSError; then the file holds those before."""
        entry = f"{'' if self._first else ', '}{json.dumps(key)}: {json.dumps(value)}".encode()
        try:
            _write_all(self._file, self._end, entry + b"}")
        except OSError:
            # Half an entry is not JSON: close the object where it was closed before.
            self._file.truncate(self._end)
            _write_all(self._file, self._end, b"}")
            raise
        self._end, self._first = self._end + len(entry), False

    def close(self) -> None:
        """Nothing can be added any more."""
        self._file.close()


def _write_all(file: IO[bytes], at: int, data: bytes) -> None:
    """Write all of `data` at byte `at`; an unbuffered write may take a part. Raises OSError."""
    file.seek(at)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
