"""Memory that threads, closed devices and the compiler would leave behind."""

import gc
import os
import sys
import weakref
from pathlib import Path

import pytest

from edge.sensor.process.lifetime import return_free
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.waiting import finished

COUNT_ARENAS = """
import ctypes, threading, re, os, tempfile
from edge.sensor.process.lifetime import share_arenas
if {shared}:
    share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
barrier = threading.Barrier(12)
def work():
    barrier.wait()  # all at once: an arena is taken again once its thread has ended
    libc.free(libc.malloc(1 << 16))
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[t.start() for t in threads]; [t.join() for t in threads]
libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_char_p]
libc.malloc_info.argtypes, libc.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
path = tempfile.mktemp()
file = libc.fopen(path.encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
print(len(re.findall("<heap nr", open(path).read())))
os.unlink(path)
"""


FREE_ALL_BUT_THE_LAST = """
import ctypes
from edge.sensor.process.lifetime import return_free
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident_mb():
    rows = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(rows["VmRSS"].split()[0]) / 1024
blocks = [libc.malloc(60_000) for _ in range(1000)]
for block in blocks:
    ctypes.memset(block, 1, 60_000)
full = resident_mb()
for block in blocks[:-1]:
    libc.free(block)
kept = resident_mb()
return_free()
print(full - kept, full - resident_mb())
"""


def arenas(shared: bool) -> int:
    code = COUNT_ARENAS.replace("{shared}", str(shared))
    return int(finished([sys.executable, "-c", code], check=True).stdout)


glibc = pytest.mark.skipif(
    not Path("/lib/ld-linux-aarch64.so.1").exists()
    and not Path("/lib64/ld-linux-x86-64.so.2").exists(),
    reason="not glibc on one of the supported machines",
)


@glibc
def test_threads_share_one_arena() -> None:
    assert arenas(shared=False) > 2
    assert arenas(shared=True) == 1


@glibc
def test_free_memory_goes_back_to_the_system() -> None:
    done = finished([sys.executable, "-c", FREE_ALL_BUT_THE_LAST], check=True)
    before, after = map(float, done.stdout.split())
    assert before < 5.0  # what is free stays in the process, or this shows nothing
    assert after > 50.0


def test_what_devices_held_in_circles_goes_at_once() -> None:
    class Ring:
        """A part of a device that refers to the whole."""

    ring = Ring()
    ring.device = [ring]  # type: ignore[attr-defined]
    gone = weakref.ref(ring)
    gc.disable()
    try:
        del ring
        assert gone() is not None
        return_free()
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.once
def test_the_very_first_start_runs_again_without_the_compiler(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        f'[device]\nid = "a"\n[source]\nkind = "replay"\npath = "{DEMO_SESSION}"\nrealtime = '
        "false\n[mqtt]\nenabled = false\n"
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config), "--json"]
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "kernels"),
        "XDG_STATE_HOME": str(tmp_path),
    }
    environment.pop("NUMBA_DISABLE_JIT", None)
    counts = []
    for _ in range(2):
        done = finished(command, env=environment, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 49
        counts.append((done.stderr.count("starting again"), done.stderr.count("preparing;")))
    assert counts == [(1, 2), (0, 1)]
