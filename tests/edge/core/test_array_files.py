"""Arrays whose headers claim what is not there are refused before anything is allocated."""

import io
import os
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.core.arrays import ARRAY_BYTES, load_archive, load_array
from edge.core.errors import ConfigError


def header(descr: str, shape: str) -> bytes:
    """Of an .npy file, whatever it claims."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.encode().ljust(117) + b"\n"


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


CLAIMS = {
    "gigabytes": header("<f8", "(1000000000000,)"),
    "a product that overflows": header("<f8", "(4294967296, 4294967296)"),
    "a negative length": header("<f8", "(-1,)"),
    "objects": header("|O", "(1,)"),
    "another version": b"\x93NUMPY\x09\x00" + bytes(200),
    "nothing": b"",
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_is_refused_without_the_memory_for_it(tmp_path: Path, claim: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(CLAIMS[claim])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for mapped in (False, True):
        with pytest.raises(ConfigError, match=r"truncated or not a \.npy file"):
            load_array(path, mapped=mapped)
    with pytest.raises(ConfigError, match=r"truncated or not a \.npz file"):
        load_archive(archive(tmp_path / "a.npz", a=CLAIMS[claim]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "kilobytes"


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", a=header("|u1", "(600000000,)") + bytes(ARRAY_BYTES + 1))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ConfigError, match="unpacks to"):
        load_archive(path)


def test_a_sparse_file_of_gigabytes_is_read_only_where_it_stays_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(header("<i2", "(1000000000,)"))
    os.truncate(path, path.stat().st_size + 2_000_000_000)
    with pytest.raises(ConfigError, match="2 GB are too many"):
        load_array(path)
    assert load_array(path, mapped=True).shape == (1_000_000_000,)


def test_good_files_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6).reshape(2, 3).T)
    assert load_array(tmp_path / "a.npy").tolist() == [[0, 3], [1, 4], [2, 5]]
    file = io.BytesIO()
    np.savez_compressed(file, a=np.arange(3), text="posekernel")
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    found = load_archive(tmp_path / "a.npz")
    assert (found["a"].tolist(), str(found["text"])) == ([0, 1, 2], "posekernel")
    with pytest.raises(KeyError):
        load_archive(tmp_path / "a.npz", ("b",))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.npy")
    for load in (load_array, load_archive):
        with pytest.raises(ConfigError, match="it is a pipe"):
            load(tmp_path / "a.npy")
