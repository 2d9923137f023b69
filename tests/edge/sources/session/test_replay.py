"""A session as a source: its loop, and real time."""

import time

import numpy as np
import pytest

from edge.core.errors import EndOfStreamError
from edge.sources.session.replay import open_replay
from tests.edge.sources.session.small_session import FRAMES, PERIODS
from tests.support.waiting import LIMIT_S, until


def test_sound_and_images_stay_together_over_a_loop(original):
    source = open_replay(original, realtime=False, loop=True)
    periods = [source.audio.read(0.0) for _ in range(2 * PERIODS)]
    assert (np.diff([p.t_ns for p in periods]) == 50_000_000).all()
    frames = [source.frames.read(0.0) for _ in range(2 * FRAMES)]
    assert [f.index for f in frames] == list(range(2 * FRAMES))
    span = PERIODS * 50_000_000
    for k in range(FRAMES):
        assert frames[FRAMES + k].t_ns - frames[k].t_ns == span
        assert np.array_equal(frames[FRAMES + k].image, frames[k].image)
    assert source.kind == "recorded"
    assert source.empty_until_ns == periods[0].t_ns + 500_000_000


def test_images_come_in_real_time_and_the_newest_wins(original):
    frames = open_replay(original, realtime=True).frames
    first = frames.read(LIMIT_S)
    second = frames.read(LIMIT_S)
    assert second.t_ns <= time.monotonic_ns(), "it came before its time"
    start_ns = first.t_ns - first.index * 66_666_667
    assert until(lambda: time.monotonic_ns() > start_ns + 8 * 66_666_667)
    late = frames.read(LIMIT_S)
    assert late.index >= 8
    assert frames.counters.dropped == late.index - 2
    assert late.t_ns == start_ns + late.index * 66_666_667
    assert abs(int(late.image[0, 0, 0]) - 8 * late.index) < 8
    frames.close()
    frames.close()
    with pytest.raises(EndOfStreamError):
        frames.read(0.0)
