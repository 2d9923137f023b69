"""Threads, queues, and pairing in time."""

import threading
from collections import deque

import numpy as np
import pytest

from edge.sensor.empty_room import PeriodResponses
from edge.sensor.loops import live_poses, nearest
from edge.sound.health.usable_pairs import UsablePairs
from tests.edge.sensor.demo_pipeline import make_pipeline
from tests.support.waiting import until

PERIOD_NS = 100_000_000


def test_the_nearest_period_within_the_skew_is_paired() -> None:
    usable = UsablePairs(np.arange(1), None)
    heard = deque(
        PeriodResponses(i, i * PERIOD_NS, np.zeros((1, 1), np.complex64), usable) for i in range(5)
    )
    assert nearest(heard, 230_000_000, 150e6).index == 2  # type: ignore[union-attr]
    assert nearest(heard, 260_000_000, 150e6).index == 3  # type: ignore[union-attr]
    assert nearest(heard, 600_000_000, 150e6) is None
    assert nearest(deque(), 0, 150e6) is None


def test_a_slow_consumer_drops_old_frames_and_counts_them() -> None:
    pipeline, plan = make_pipeline(realtime=True, loop=True)
    counters, stop = pipeline.counters, threading.Event()
    frames = []
    for e in live_poses(pipeline, plan.open(), stop, lambda _: None):
        frames.append(e.frame)
        before = counters.frames_dropped
        assert until(lambda: counters.frames_dropped >= before + 3)  # noqa: B023
        if len(frames) == 6:
            stop.set()
    assert frames == sorted(set(frames))
    assert np.diff(frames).max() >= 4
    assert counters.frames_dropped >= 18


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    pipeline, plan = make_pipeline(realtime=True)
    source = plan.open()

    def broken(_: float) -> None:
        raise RuntimeError("the sound thread broke")

    source.audio.read = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match="the sound thread broke"):
        list(live_poses(pipeline, source, threading.Event(), lambda _: None))


def test_both_threads_tell_that_they_are_alive() -> None:
    pipeline, plan = make_pipeline(realtime=True)
    beats: set[str] = set()
    stop = threading.Event()

    def beat(stage: str) -> None:
        beats.add(stage)
        if len(beats) == 2:
            stop.set()

    list(live_poses(pipeline, plan.open(), stop, beat))
    assert beats == {"sound", "image"}
