"""Keeps one kind of line from filling the log: the first lines of a span are written, the others
counted.
"""

from collections.abc import Hashable
from dataclasses import dataclass

MOST = 20
SPAN_S = 10.0


@dataclass(slots=True)
class _Span:
    began_s: float
    lines: int = 0
    left_out: int = 0


class FloodRule:
    """At most `most` lines of a kind in each span of `span_s` seconds. Not thread-safe.

    A span begins with the first line after the last one ended.
    """

    def __init__(self, most: int = MOST, span_s: float = SPAN_S) -> None:
        self._most, self._span_s = most, span_s
        self._spans: dict[Hashable, _Span] = {}

    def admit(self, kind: Hashable, now_s: float) -> bool:
        """Whether a line of this kind may be written now; counts it where not."""
        span = self._spans.get(kind)
        if span is None or now_s - span.began_s >= self._span_s:
            left_out = 0 if span is None else span.left_out  # not yet collected
            span = self._spans[kind] = _Span(now_s, left_out=left_out)
        span.lines += 1
        if span.lines <= self._most:
            return True
        span.left_out += 1
        return False

    def collect(self, now_s: float) -> dict[Hashable, int]:
        """How many lines of each kind were left out in spans that have ended; each is told once."""
        ended = {k: s for k, s in self._spans.items() if now_s - s.began_s >= self._span_s}
        for kind in ended:
            del self._spans[kind]
        return {kind: span.left_out for kind, span in ended.items() if span.left_out}
