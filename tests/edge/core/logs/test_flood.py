"""Floods of log lines: the first are written, the others counted, nothing is told twice."""

import io
import logging
from collections.abc import Iterator

import pytest

from edge.core.logs.flood import FloodRule
from edge.core.logs.handler import CalmHandler


def test_the_first_lines_of_a_span_are_admitted_and_the_others_counted() -> None:
    rule = FloodRule(most=3, span_s=10.0)
    assert [rule.admit("a", t / 10) for t in range(5)] == [True, True, True, False, False]
    assert rule.admit("b", 0.5), "another kind has its own count"
    assert rule.collect(5.0) == {}, "the span has not ended"
    assert rule.collect(10.0) == {"a": 2}
    assert rule.collect(10.0) == {}, "told once"
    assert [rule.admit("a", 11.0 + t / 10) for t in range(4)] == [True, True, True, False]


def test_a_count_is_kept_though_the_next_span_begins_before_it_is_told() -> None:
    rule = FloodRule(most=1, span_s=1.0)
    assert [rule.admit("a", t) for t in (0.0, 0.1, 0.2, 1.5, 1.6)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert rule.collect(9.0) == {"a": 3}


def test_slow_lines_are_all_written() -> None:
    rule = FloodRule(most=2, span_s=1.0)
    assert all(rule.admit("a", 0.6 * t) for t in range(100))
    assert rule.collect(1e9) == {}


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO, list[float]]]:
    logger, stream, now = logging.Logger("edge.x"), io.StringIO(), [0.0]
    logger.addHandler(CalmHandler(stream, FloodRule(3, 10.0), lambda: now[0]))
    yield logger, stream, now
    for handler in logger.handlers:
        handler.close()


def test_a_flood_of_lines_becomes_a_few_and_a_count(
    log: tuple[logging.Logger, io.StringIO, list[float]],
) -> None:
    logger, stream, now = log
    for n in range(9000):
        logger.info("command %s: refused", n)
        now[0] += 0.001
    logger.warning("something else")
    now[0] += 2.0
    logger.info("later")
    lines = stream.getvalue().splitlines()
    assert lines[:3] == [f"INFO edge.x: command {n}: refused" for n in range(3)]
    assert lines[3] == "WARNING edge.x: something else"
    assert "8997 more lines like this" in lines[4]
    assert "command 8999: refused" in lines[4]
    assert lines[5:] == ["INFO edge.x: later"]


def test_the_count_is_told_at_the_end() -> None:
    logger, stream = logging.Logger("edge.x"), io.StringIO()
    handler = CalmHandler(stream, FloodRule(1, 10.0))
    logger.addHandler(handler)
    for _ in range(5):
        logger.info("again")
    handler.close()
    assert "4 more lines like this" in stream.getvalue().splitlines()[-1]


def test_a_message_is_one_line_without_secrets_and_a_traceback_keeps_its_lines(
    log: tuple[logging.Logger, io.StringIO, list[float]],
) -> None:
    logger, stream, _ = log
    logger.info("command %s: no", "\x1b[2J\nINFO edge: all is well")
    try:
        raise ValueError("rtsp://bob:s3cr3t@host \x1b[0m")
    except ValueError:
        logger.exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "INFO edge.x: command \\x1b[2J\\nINFO edge: all is well: no"
    assert lines[1] == "ERROR edge.x: failed"
    assert lines[-1] == "ValueError: rtsp://***@host \\x1b[0m"
    assert "s3cr3t" not in stream.getvalue().replace('"rtsp://bob:s3cr3t@host', "")


def test_a_very_long_line_is_cut(log: tuple[logging.Logger, io.StringIO, list[float]]) -> None:
    logger, stream, _ = log
    logger.info("topic %s", "x" * 70_000)
    assert len(stream.getvalue()) < 2200
    assert "xxx ... xxx" in stream.getvalue()
