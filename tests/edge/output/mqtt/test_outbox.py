"""The outbox against restarts, a full disk, damage and other processes."""

import json
import logging
import resource
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.core.errors import InUseError
from edge.output.mqtt.outbox import _SCHEMA, Outbox
from tests.support import ROOT
from tests.support.waiting import finished


def numbers(stored: list[tuple[int, bytes]]) -> list[int]:
    for sequence, payload in stored:
        assert json.loads(payload)["sequence"] == sequence
    return [json.loads(payload)["n"] for _, payload in stored]


def test_sequences_go_on_after_a_restart_and_begin_late_in_a_new_file(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "a")
    began = first.add({"n": 0})
    assert abs(began / 1e6 - time.time()) < 60.0
    first.add({"n": 1})
    first.remove([began, began + 1])
    first.close()
    again = Outbox(tmp_path / "a")
    assert again.depth == 0
    assert again.add({"n": 2}) == began + 2
    again.close()


def test_nothing_is_written_before_the_first_event(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "deep" / "a")
    assert outbox.pending(0, 5) == []
    assert outbox.depth == 0
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.lock"]
    outbox.add({"n": 0})
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "deep").iterdir()} == {0o600}
    outbox.close()


def test_it_is_written_through(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "a")
    outbox.add({"n": 0})
    assert outbox._file is not None
    assert outbox._file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._file.execute("PRAGMA synchronous").fetchone() == (2,)
    outbox.close()


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_oldest_is_dropped_and_counted(tmp_path: Path, on_disk: bool) -> None:
    outbox = Outbox(tmp_path / "a" if on_disk else None, capacity=10)
    for n in range(25):
        outbox.add({"n": n})
    assert outbox.dropped == 15
    assert outbox.depth == 10
    assert numbers(outbox.pending(0, 100)) == list(range(15, 25))
    assert numbers(outbox.pending(outbox.pending(0, 3)[-1][0], 2)) == [18, 19]
    outbox.close()


@pytest.mark.parametrize("damage", ["garbage", "torn", "empty of pages"])
def test_a_damaged_file_is_moved_aside(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a"
    before = Outbox(path)
    last = max(before.add({"n": n, "filling": "x" * 3000}) for n in range(40))
    before.close()
    whole = path.read_bytes()
    path.write_bytes(
        {
            "garbage": b"not a database" * 500,
            "torn": whole[:5000],
            "empty of pages": whole[:100] + b"\0" * 9000,
        }[damage]
    )
    outbox = Outbox(path)
    assert outbox.add({"n": 100}) > last
    assert numbers(outbox.pending(0, 10)) == [100]
    outbox.close()
    aside = [p for p in tmp_path.iterdir() if p.name.startswith("a.damaged-")]
    assert len(aside) == 1
    assert str(aside[0]) in caplog.text
    assert numbers(Outbox(path).pending(0, 10)) == [100]


def test_a_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    outbox = Outbox(tmp_path / "file" / "a")
    sequences = [outbox.add({"n": n}) for n in range(3)]
    assert sequences == list(range(sequences[0], sequences[0] + 3))
    assert numbers(outbox.pending(0, 10)) == [0, 1, 2]
    outbox.remove(sequences[:2])
    assert numbers(outbox.pending(0, 10)) == [2]
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    assert str(tmp_path / "file" / "a") in outbox.trouble


def test_a_file_that_cannot_even_be_looked_for_leaves_events_in_memory(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / ("x" * 300))
    outbox.add({"n": 0})
    assert numbers(outbox.pending(0, 10)) == [0]
    assert "events cannot be kept on disk" in outbox.trouble


def test_a_full_disk_costs_no_event_and_no_order(tmp_path: Path) -> None:
    """A limit on the file's size in place of a small disk, which would need root."""
    program = f"""
import json, resource, signal
from pathlib import Path
from edge.output.mqtt.outbox import Outbox
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
outbox = Outbox(Path({str(tmp_path / "a")!r}))
first = [outbox.add({{"n": n}}) for n in range(5)]
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
big = [outbox.add({{"n": 5 + n, "filling": "x" * 5000}}) for n in range(20)]
outbox.remove(first[:2])
during = [n for n, _ in outbox.pending(0, 100)]
full = outbox.trouble
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
last = outbox.add({{"n": 25}})
print(json.dumps([first, big, full, during, last, outbox.trouble]))
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = finished([sys.executable, "-c", program], cwd=ROOT, check=True)
    first, big, full, during, last, after = json.loads(done.stdout)
    everything = [*first, *big, last]
    assert everything == sorted(set(everything))
    assert "events cannot be kept on disk" in full
    assert done.stderr.count("events cannot be kept on disk") == 1
    assert during == everything[2:-1]
    assert after == ""
    assert [n for n, _ in Outbox(tmp_path / "a").pending(0, 100)] == everything[2:]


def test_no_number_is_given_twice_though_the_sensor_ends_while_the_disk_is_full(
    tmp_path: Path,
) -> None:
    """A reader takes the same number for the same event: it would miss the second."""
    program = f"""
import json, os, resource, signal
from pathlib import Path
from edge.output.mqtt.outbox import Outbox
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
outbox = Outbox(Path({str(tmp_path / "a")!r}))
given = [outbox.add({{"n": n}}) for n in range(2)]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
given += [outbox.add({{"n": n, "filling": "x" * 30_000}}) for n in range(2, 5)]
print(json.dumps([given, outbox.trouble]), flush=True)
os._exit(0)
"""
    done = finished([sys.executable, "-c", program], cwd=ROOT, check=True)
    given, trouble = json.loads(done.stdout)
    assert "events cannot be kept on disk" in trouble
    again = Outbox(tmp_path / "a")
    assert numbers(again.pending(0, 10)) == [0, 1]
    assert {again.add({"n": n}) for n in range(3)}.isdisjoint(given)
    again.close()


def test_a_locked_file_is_survived(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "a")
    outbox.add({"n": 0})
    other = sqlite3.connect(tmp_path / "a", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outbox.add({"n": 1})
    assert "locked" in outbox.trouble
    assert numbers(outbox.pending(0, 10)) == [0, 1]
    other.execute("COMMIT")
    other.close()
    outbox.add({"n": 2})
    assert outbox.trouble == ""
    outbox.close()
    assert numbers(Outbox(tmp_path / "a").pending(0, 10)) == [0, 1, 2]


def test_a_new_outbox_that_another_process_is_just_making_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        other.execute(statement)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(lambda: Outbox(path).depth)
        time.sleep(0.5)  # by now it has looked at the file
        other.execute("COMMIT")
        assert opened.result() == 0
    other.close()
    assert not list(tmp_path.glob("*damaged*"))


HOLD = """
import sys, time
from pathlib import Path
from edge.output.mqtt.outbox import Outbox
box = Outbox(Path(sys.argv[1]))
box.add({"n": 0})
print("held", flush=True)
time.sleep(600)
"""


def test_an_outbox_has_one_owner_who_is_named(tmp_path: Path) -> None:
    """Two wrote one number twice: an event was lost."""
    path = tmp_path / "a"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            (tmp_path / "link").symlink_to(path)
            for name in (path, tmp_path / "link"):
                with pytest.raises(InUseError, match=f"in use by process {holder.pid} \\(python"):
                    Outbox(name)
        finally:
            holder.kill()
        holder.wait()
    with_it = Outbox(path)  # the lock went with the process
    assert numbers(with_it.pending(0, 10)) == [0]
    with_it.close()


def test_two_outboxes_of_one_process_have_one_file_after_the_other(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "a")
    with pytest.raises(InUseError, match=r"device\.id of its own"):
        Outbox(tmp_path / "a")
    Outbox(tmp_path / "b").close()
    first.close()
    Outbox(tmp_path / "a").close()


def test_a_lock_that_cannot_be_had_at_first_is_had_with_the_first_event(tmp_path: Path) -> None:
    """The disk was not there yet."""
    (tmp_path / "disk").write_text("")
    first = Outbox(tmp_path / "disk" / "a")
    (tmp_path / "disk").unlink()
    second = Outbox(tmp_path / "disk" / "a")
    first.add({"n": 0})
    assert "in use" in first.trouble
    second.close()
    first.add({"n": 1})
    assert first.trouble == ""
    assert numbers(first.pending(0, 10)) == [0, 1]
    first.close()
