"""Names for numpy's array types, whose shapes stand in the docstrings; and files of arrays, read
within bounds.
"""

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edge.core.errors import ConfigError
from edge.core.files import check_native

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]
Complex128Array = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]
Rng = np.random.Generator

# What is read into memory from one file [bytes]: an hour of joints, a minute of responses.
ARRAY_BYTES = 1 << 29


def load_array(path: Path, *, mapped: bool = False) -> npt.NDArray[Any]:
    """The numbers or texts of an .npy file; mapped: left on disk, of any size.

    Raises FileNotFoundError, or ConfigError with what is wrong, without the path: also where the
    header claims more than is there, before anything is allocated.
    """
    try:
        check_native(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                raise ConfigError("holds an archive, but one .npy array is needed")
            file.seek(0)
            _check_claim(file, size, None if mapped else ARRAY_BYTES)
        array: npt.NDArray[Any] = np.load(
            path, mmap_mode="r" if mapped else None, allow_pickle=False
        )
    except (FileNotFoundError, ConfigError):
        raise
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror or e})") from e
    except Exception as e:  # numpy and tokenize raise a dozen kinds on a damaged file
        raise ConfigError(f"truncated or not a .npy file ({size} bytes; {e})") from e
    return array


def load_archive(path: Path, names: Iterable[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Arrays of an .npz file by name, None: all of them. Raises as `load_array`; KeyError for a
    name that is not in it.
    """
    found: dict[str, npt.NDArray[Any]] = {}
    try:
        check_native(path)
        with zipfile.ZipFile(path) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            wanted = {name: members[name] for name in (members if names is None else names)}
            unpacked = sum(i.file_size for i in wanted.values())
            if unpacked > ARRAY_BYTES:
                raise ValueError(f"it unpacks to {unpacked / 1e9:.3g} GB")
            for name, info in wanted.items():
                with archive.open(info) as member:
                    _check_claim(member, info.file_size, ARRAY_BYTES)
                    member.seek(0)
                    found[name] = np.lib.format.read_array(member, allow_pickle=False)
    except (FileNotFoundError, KeyError):
        raise
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror or e})") from e
    except Exception as e:  # numpy, zipfile and tokenize raise a dozen kinds on a damaged file
        raise ConfigError(f"truncated or not a .npz file ({e})") from e
    return found


def _check_claim(file: IO[bytes], size: int, most: int | None) -> None:
    """Raises ValueError where the header of an .npy file of `size` bytes claims what is not there,
    or more than `most` bytes.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version[0]}.{version[1]} of the format")
    shape, _, dtype = readers[version](file)
    claimed, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0:
        raise ValueError(f"its header says {dtype} {shape}")
    if claimed > there:
        raise ValueError(f"its header claims {claimed} bytes, but {there} follow")
    if most is not None and claimed > most:
        raise ValueError(f"{claimed / 1e9:.3g} GB are too many")
