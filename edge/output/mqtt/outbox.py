"""Events waiting for the broker: numbered, in order, and on disk, over restarts and power cuts."""

import errno
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from edge.core.errors import InUseError
from edge.core.files import Ownership, evident_content, set_aside
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode

_LOCKED_S = 2.0
_MOST = 2**62
_AROUND_THE_FILE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
_SCHEMA = (
    "CREATE TABLE event (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL)",
    "CREATE TABLE last (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL)",
)

log = logging.getLogger(__name__)

Stored = tuple[int, bytes]
T = TypeVar("T")


class Outbox:
    """A queue of events in an SQLite file (WAL, synchronous = FULL), made with the first event.
    Thread-safe. Raises InUseError where another process or outbox has the file; nothing else, and
    later nothing at all.

    Each event gets the next `sequence`, over restarts, too. A new file starts at the time in
    microseconds, so that a device that lost its file does not repeat old numbers. Beyond `capacity`
    the oldest is dropped and counted. A damaged file is moved aside and a new one begun. While the
    disk is full or cannot be written, events are kept in memory and numbered from the time, because
    after a restart the file would give out the numbers that follow its own last. path None: in
    memory.
    """

    def __init__(self, path: Path | None, capacity: int = 1000) -> None:
        self.dropped = 0
        self.trouble = ""  # why events are only in memory at present, "" when they are on disk
        self._path = path
        self._capacity = capacity
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._memory: deque[Stored] = deque()  # not in the file; newer than what is
        self._gone: set[int] = set()  # delivered, but still in the file: it could not be written
        self._last = 0  # 0: not known yet
        self._owned: Ownership | None = None
        if path is not None:
            try:
                self._own()
            except InUseError:
                raise
            except OSError:
                pass  # no folder, or no disk yet: tried again with the first event
        # Path.exists would raise where a folder may not be searched.
        if path is not None and os.path.exists(path):
            with self._lock:
                self._attempt(lambda file: None)

    def add(self, message: Message) -> int:
        """Number an event (its `sequence` is set) and keep it; on disk on return where that is
        possible. Returns the number.
        """
        with self._lock:
            if self._path is not None:
                self._attempt(lambda file: None)  # the last sequence must be known
            well = not self.trouble
            self._append(message, self._last + 1 if self._last else _now_us())
            if self._path is not None:
                self._attempt(self._store)
            if well and self.trouble:
                self._memory.pop()
                self._append(message, max(self._last, _now_us()))
            while len(self._memory) > self._capacity:
                self._memory.popleft()
                self._drop(1)
            return self._last

    def pending(self, after: int, limit: int) -> list[Stored]:
        """The oldest events after sequence `after`: (sequence, payload), at most `limit`."""
        with self._lock:
            found: list[Stored] = []
            if self._file is not None:
                query = (
                    "SELECT sequence, CAST(payload AS BLOB) FROM event "
                    "WHERE sequence > ? ORDER BY sequence LIMIT ?"
                )
                rows = self._attempt(
                    lambda file: file.execute(query, (after, limit + len(self._gone))).fetchall()
                )
                found = [(n, payload) for n, payload in rows or [] if n not in self._gone]
            found += islice((e for e in self._memory if e[0] > after), limit)
            return found[:limit]

    def remove(self, sequences: Sequence[int]) -> None:
        """These were delivered."""
        with self._lock:
            done = set(sequences)
            self._memory = deque(e for e in self._memory if e[0] not in done)
            if self._file is None:
                return
            self._gone |= done
            self._attempt(self._store)

    @property
    def depth(self) -> int:
        """How many events wait."""
        with self._lock:
            count = 0
            if self._file is not None:
                rows = self._attempt(
                    lambda file: file.execute("SELECT COUNT(*) FROM event").fetchall()
                )
                count = int(rows[0][0]) - len(self._gone) if rows else 0
            return max(count, 0) + len(self._memory)

    def close(self) -> None:
        """Release the file; safe to call twice."""
        with self._lock:
            self._close()
            owned, self._owned = self._owned, None
            if owned is not None:
                owned.close()

    def _own(self) -> None:
        """Raises InUseError, OSError."""
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._owned = Ownership(self._path)

    def _append(self, message: Message, sequence: int) -> None:
        self._last = message["sequence"] = sequence
        self._memory.append((sequence, encode(message)))

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do `work` on the file, opening it first if needed. None when that fails, which is logged
        once until `_store` succeeds again: a full disk can still be read.
        """
        for again in (True, False):
            try:
                if self._file is None:
                    self._open()
                assert self._file is not None
                result = work(self._file)
            except (sqlite3.DatabaseError, UnicodeDecodeError, OSError, MemoryError) as e:
                if not _damaged(e):
                    self._report(
                        f"{self._path}: events cannot be kept on disk ({e}); "
                        "free or mend it, they wait in memory until then"
                    )
                    return None
                self._close()
                if not again or not self._move_aside(e):
                    return None
            else:
                return result
        return None

    def _open(self) -> None:
        assert self._path is not None
        if self._owned is None:
            self._own()
        self._path.touch(mode=0o600)  # SQLite gives its other files the same rights
        file = sqlite3.connect(
            self._path, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False
        )
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = FULL")
            (verdict,) = file.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            file.execute("BEGIN IMMEDIATE")  # another process may be opening the same new file
            found = {sql for (sql,) in file.execute("SELECT CAST(sql AS BLOB) FROM sqlite_master")}
            if not found <= {statement.encode() for statement in _SCHEMA}:
                raise sqlite3.DatabaseError("it holds other tables")
            for statement in _SCHEMA:
                if statement.encode() not in found:
                    file.execute(statement)
            file.execute("COMMIT")
            numbers = "SELECT sequence FROM last UNION SELECT sequence FROM event"
            first, last = file.execute(
                f"SELECT MIN(sequence), MAX(sequence) FROM ({numbers})"
            ).fetchone()
            if last is not None and not (isinstance(last, int) and 0 < first <= last < _MOST):
                raise sqlite3.DatabaseError(f"its numbers are {first!r} to {last!r}")
        except BaseException:
            file.close()
            raise
        self._last = max(self._last, last or 0)
        self._file = file

    def _store(self, file: sqlite3.Connection) -> None:
        """In one transaction: insert what waits, delete what was delivered, keep the capacity."""
        file.execute("BEGIN IMMEDIATE")
        try:
            file.executemany("INSERT OR REPLACE INTO event VALUES (?, ?)", self._memory)
            file.executemany("DELETE FROM event WHERE sequence = ?", [(n,) for n in self._gone])
            file.execute("INSERT OR REPLACE INTO last VALUES (1, ?)", (self._last,))
            excess = "SELECT sequence FROM event ORDER BY sequence DESC LIMIT -1 OFFSET ?"
            dropped = file.execute(
                f"DELETE FROM event WHERE sequence IN ({excess})", (self._capacity,)
            ).rowcount
            file.execute("COMMIT")
        except BaseException:
            if file.in_transaction:
                file.execute("ROLLBACK")
            raise
        self._memory.clear()
        self._gone.clear()
        self._report("")
        if dropped > 0:
            self._drop(dropped)

    def _drop(self, count: int) -> None:
        if not self.dropped:
            log.warning(
                "more than %d events wait for the broker: the oldest are dropped from now on",
                self._capacity,
            )
        self.dropped += count

    def _move_aside(self, error: BaseException) -> bool:
        """Rename a damaged file; False when even that fails."""
        assert self._path is not None
        why = " ".join(str(error).split())
        try:
            aside = set_aside(self._path)
            for ending in ("-wal", "-shm"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
        except OSError as e:
            self._report(
                f"{self._path}: damaged ({why}), and cannot be moved away ({e.strerror}); "
                "events wait in memory"
            )
            return False
        log.error(
            "%s: damaged (%s); moved to %s, a new one is begun and what waited in it is lost",
            self._path,
            why,
            aside,
        )
        return True

    def _report(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("%s", trouble)
        elif self.trouble and not trouble:
            log.info("%s: events are kept on disk again", self._path)
        self.trouble = trouble

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def foreign(path: Path) -> str:
    """What a file is that was never an outbox, "" where it may be one, damaged or not, or is not
    there. An outbox would set it aside as damaged and take its place.
    """
    try:
        content = evident_content(path)
    except OSError as e:
        return e.strerror or str(e) if e.errno in (errno.EINVAL, errno.EILSEQ) else ""
    if content != "a database":
        return f"it is {content}" if content else ""
    own = {statement.split()[2] for statement in _SCHEMA}
    with suppress(sqlite3.Error, UnicodeDecodeError):
        uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True)) as file:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            if others := {str(name) for (name,) in file.execute(query)} - own:
                return f"it is another program's database (with the table {min(others)!r:.40})"
    return ""


def _damaged(error: BaseException) -> bool:
    """Whether the file itself is damaged; else the cause is the disk, memory, or another user."""
    if isinstance(error, UnicodeDecodeError):  # SQLite quotes what it could not read
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.OperationalError
        )
    return code & 0xFF not in _AROUND_THE_FILE


def _now_us() -> int:
    """Microseconds pass faster than events come, so such a number exceeds all earlier ones."""
    return time.time_ns() // 1_000
