"""Writing a session: disks that fill up, kills and wrong input lose nothing written before."""

import errno
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from edge.core.errors import EndOfStreamError, SessionError
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from tests.edge.sources.session.small_session import (
    CHANNELS,
    START_NS,
    N,
    fill,
    make,
    picture,
    sound,
)
from tests.support import ROOT


def test_a_killed_recording_loads_up_to_the_kill(tmp_path):
    code = (
        "import os, sys, pathlib; from tests.edge.sources.session.small_session import *\n"
        "w = make(pathlib.Path(sys.argv[1])); fill(w, 9, 5); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "killed")], cwd=ROOT, check=False)
    s = load_session(tmp_path / "killed")
    assert s.periods == 9
    assert np.array_equal(s.audio, np.concatenate([sound(k) for k in range(9)]))
    assert s.faults == {3: "capture xrun", 7: "capture xrun"}
    assert len(s.frame_times_ns) == 5
    assert len(s.notes) == 2
    assert "broken off; 9 whole periods of sound are left" in s.notes[0]
    source = open_replay(s, realtime=False)
    for k in range(5):
        assert abs(int(source.frames.read(0.0).image[0, 0, 0]) - 8 * k) < 5
    assert source.notes == s.notes


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: a disk that fills up during a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def is_complete(path: Path) -> bool:
    return bool(json.loads((path / "session.json").read_text())["complete"])


REMEDY = r"full: cannot be written \(.*\); free space or use another disk"


def test_a_full_disk_in_the_sound_is_named_and_the_rest_loads(tmp_path):
    path = tmp_path / "full"

    def write() -> None:
        with make(path) as writer:
            fill(writer, 0, 5)
            with largest_file(round(5.5 * N * CHANNELS * 2)):
                fill(writer, frames=0)

    with pytest.raises(SessionError, match=REMEDY):
        write()
    s = load_session(path)
    assert np.array_equal(s.audio, np.concatenate([sound(k) for k in range(5)]))
    assert s.faults == {3: "capture xrun"}
    assert len(s.frame_times_ns) == 5
    assert not is_complete(path)


def test_a_full_disk_in_the_images_is_named_and_the_rest_loads(tmp_path):
    path = tmp_path / "full"
    with make(path) as writer:
        fill(writer, 9, 5)
        with largest_file(300), pytest.raises(SessionError, match=REMEDY):
            writer.add_frame(picture(5), START_NS + 400_000_000)
    source = open_replay(path, realtime=False)
    for k in range(5):
        assert abs(int(source.frames.read(0.0).image[0, 0, 0]) - 8 * k) < 5
    with pytest.raises(EndOfStreamError):
        source.frames.read(0.0)
    assert not is_complete(path)


def test_a_full_disk_in_the_faults_leaves_the_earlier_ones(tmp_path):
    path = tmp_path / "full"
    with make(path) as writer:
        fill(writer, 7, 5)
        with largest_file(30), pytest.raises(SessionError, match=REMEDY):
            writer.add_period(sound(7), START_NS + 7 * 50_000_000, "capture xrun")
    assert load_session(path).faults == {3: "capture xrun"}


def test_a_failed_write_that_is_caught_still_leaves_no_complete_session(tmp_path, monkeypatch):
    path = tmp_path / "full"

    def refuse(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with make(path) as writer:
        fill(writer, 4, 5)
        with monkeypatch.context() as m:
            m.setattr(writer._audio_times, "append", refuse)
            with pytest.raises(SessionError, match="No space left on device"):
                writer.add_period(sound(4), START_NS + 200_000_000)
        with pytest.raises(SessionError, match="an earlier write failed"):
            writer.add_period(sound(5), START_NS + 250_000_000)
    assert not is_complete(path)
    s = load_session(path)
    assert s.periods == 4, "sound is one period longer than its times: the shorter counts"
    assert np.array_equal(s.audio, np.concatenate([sound(k) for k in range(4)]))


@pytest.mark.parametrize(
    ("error", "complete"),
    [(EndOfStreamError, True), (RuntimeError, False), (KeyboardInterrupt, False)],
)
def test_only_an_orderly_end_completes_a_session(tmp_path, error, complete):
    with suppress(error), make(tmp_path / "ended") as writer:
        fill(writer, 4, 5)
        raise error
    assert is_complete(tmp_path / "ended") is complete
    s = load_session(tmp_path / "ended")
    assert (s.periods, len(s.frame_times_ns)) == (4, 5)
    assert bool(s.notes) is not complete


def test_nothing_is_overwritten(folder):
    with pytest.raises(SessionError, match="not empty; name a new folder"):
        make(folder)


def test_wrong_input_is_refused(tmp_path):
    with make(tmp_path / "new") as writer:
        with pytest.raises(SessionError, match=r"int16 \(800, 3\) is needed"):
            writer.add_period(np.zeros((N, 2), np.int16), 0)
        writer.add_frame(picture(0), START_NS)
        with pytest.raises(SessionError, match="one size is needed"):
            writer.add_frame(np.zeros((10, 10, 3), np.uint8), START_NS)
        with pytest.raises(SessionError, match=r"uint8 \(H, W, 3\) is needed"):
            writer.add_frame(np.zeros((48, 64), np.uint8), START_NS)
