"""The handler of the root logger: one plain line for each message, without secrets and floods."""

import logging
import math
import time
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import TextIO

from edge.core.logs.flood import SPAN_S, FloodRule
from edge.core.logs.shown import shown

_LONGEST_TRACEBACK = 20_000
_ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class PlainFormatter(logging.Formatter):
    """A message is one line: line breaks in it are escaped; a traceback keeps its own."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The line; the record itself stays as it is for other handlers."""
        return f"{record.levelname} {record.name}: {shown(record.message)}"

    def formatException(self, ei: _ExceptionInfo) -> str:  # noqa: N802
        """The traceback."""
        return shown(super().formatException(ei), keep="\n", longest=_LONGEST_TRACEBACK)


class CalmHandler(logging.StreamHandler[TextIO]):
    """Writes to a stream; where one place in the code logs too often its further lines are counted
    (see `FloodRule`), and the count follows with the next line after the span, or at the end.
    """

    def __init__(
        self,
        stream: TextIO,
        rule: FloodRule | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._rule, self._clock = rule or FloodRule(), clock
        self._last: dict[Hashable, logging.LogRecord] = {}
        self.setFormatter(PlainFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record or count it."""
        now_s, kind = self._clock(), (record.pathname, record.lineno)
        self._tell_counts(now_s)
        if self._rule.admit(kind, now_s):
            super().emit(record)
        else:
            self._last[kind] = record

    def close(self) -> None:
        """Tell what was left out; the stream stays open."""
        self.acquire()
        try:
            self._tell_counts(math.inf)
        finally:
            self.release()
        super().close()

    def _tell_counts(self, now_s: float) -> None:
        for kind, count in self._rule.collect(now_s).items():
            last = self._last.pop(kind)
            text = (
                f"{count} more lines like this were left out within {SPAN_S:g} s; "
                f"the last: {last.getMessage()}"
            )
            super().emit(logging.makeLogRecord({**last.__dict__, "msg": text, "args": None}))
