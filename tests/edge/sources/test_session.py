"""The session folder: what is written comes back, every damage is named, a kill loses nothing that
was written.
"""

import errno
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core.config import ExcitationConfig
from edge.core.errors import EndOfStreamError, SessionError
from edge.core.rig import Camera, Rig
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from edge.sources.session.writer import SessionWriter
from tests.support import ROOT
from tests.support.waiting import LIMIT_S, until

X = ExcitationConfig(
    sample_rate_hz=16000, band_hz=(2000.0, 7500.0), period_s=0.05, level_dbfs=-20.0
)
N, CHANNELS, PERIODS, FRAMES = X.period_samples, 3, 40, 30
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(64, 48, 50.0, 50.0, 32.0, 24.0, height_m=1.2, tilt_deg=5.0),
    speed_of_sound_m_s=343.0,
)
START_NS = 5_000_000_000


def picture(k: int) -> np.ndarray:
    """(48, 64, 3) RGB whose red grows with k."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0], image[..., 2] = 8 * k, 60
    return image


def sound(k: int) -> np.ndarray:
    return np.random.default_rng(k).integers(-30000, 30000, (N, CHANNELS)).astype(np.int16)


def fill(writer: SessionWriter, periods: int = PERIODS, frames: int = FRAMES) -> None:
    for k in range(periods):
        writer.add_period(
            sound(k), START_NS + k * 50_000_000, "capture xrun" if k in (3, 7) else ""
        )
    for k in range(frames):
        writer.add_frame(picture(k), START_NS + k * 66_666_667)


def make(path: Path) -> SessionWriter:
    return SessionWriter(
        path,
        source="recorded",
        rig=RIG,
        excitation=X,
        channels=CHANNELS,
        mic_channels=(2, 0),
        reference_channel=None,
        description="a test",
        licence="CC0",
        empty_until_s=0.5,
        start_ns=START_NS,
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("session") / "original"
    with make(path) as writer:
        fill(writer)
        joints = np.full((2, 25, 3), np.nan)
        joints[:, 8] = [[0.0, 0.0, 3.0], [0.0, 0.0, 3.1]]
        writer.set_truth(np.array([START_NS, START_NS + 10**9]), joints)
    return path


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


def test_what_is_written_comes_back(original):
    s = load_session(original)
    assert (s.source, s.description, s.licence, s.mic_channels, s.reference_channel) == (
        "recorded",
        "a test",
        "CC0",
        (2, 0),
        None,
    )
    assert s.periods == PERIODS
    assert np.array_equal(s.audio, np.concatenate([sound(k) for k in range(PERIODS)]))
    assert np.array_equal(s.audio_times_ns, np.arange(PERIODS) * 50_000_000)
    assert s.faults == {3: "capture xrun", 7: "capture xrun"}
    assert np.array_equal(s.frame_times_ns, np.arange(FRAMES) * 66_666_667)
    assert s.rig.camera == RIG.camera
    assert np.array_equal(s.rig.mics, RIG.mics)
    assert s.excitation.period_samples == N
    assert s.truth is not None
    assert s.truth.t_ns.tolist() == [0, 10**9]
    assert s.truth.joints[1, 8, 2] == 3.1
    assert s.notes == []
    assert not (original / "frames").exists(), "the copies are removed when the video is complete"


def test_images_come_back_in_rgb_order(original):
    reader = FrameReader(original)
    for k in range(FRAMES):
        red, green, blue = reader.read()[24, 32]
        assert abs(int(red) - 8 * k) < 8
        assert green < 12
        assert abs(int(blue) - 60) < 12
    with pytest.raises(EndOfStreamError):
        reader.read()


def test_images_may_be_a_folder(folder):
    (folder / "frames.mp4").unlink()
    (folder / "frames").mkdir()
    for k in range(FRAMES):
        cv2.imwrite(str(folder / "frames" / f"{k:06d}.jpg"), picture(k)[..., ::-1])
    load_session(folder)
    frames = open_replay(folder, realtime=False).frames
    assert [abs(int(frames.read(0.0).image[0, 0, 0]) - 8 * k) < 5 for k in range(FRAMES)] == [
        True
    ] * FRAMES


def cut(file: Path, share: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])


def edit(folder: Path, **change: object) -> None:
    file = folder / "session.json"
    head = json.loads(file.read_text())
    for key, value in change.items():
        if value is None:
            del head[key]
        else:
            head[key] = value
    file.write_text(json.dumps(head))


def edit_in(folder: Path, part: str, **change: object) -> None:
    edit(folder, **{part: json.loads((folder / "session.json").read_text())[part] | change})


def edit_camera(folder: Path, **change: object) -> None:
    edit_in(
        folder,
        "rig",
        camera=json.loads((folder / "session.json").read_text())["rig"]["camera"] | change,
    )


def rewrite(folder: Path, old: str, new: str) -> None:
    text = (folder / "session.json").read_text()
    assert old in text
    (folder / "session.json").write_text(text.replace(old, new))


DAMAGES = {
    "no folder": (lambda f: shutil.rmtree(f), "no such folder"),
    "no session.json": (lambda f: (f / "session.json").unlink(), r"session\.json: no such file"),
    "cut json": (lambda f: cut(f / "session.json", 0.5), r"session\.json: not JSON"),
    "json list": (
        lambda f: (f / "session.json").write_text("[]"),
        "a JSON object is needed, found list",
    ),
    "other version": (
        lambda f: edit(f, version=9),
        "version 9, but 'posekernel-session' version 1 is needed",
    ),
    "missing key": (
        lambda f: edit(f, mic_channels=None),
        r"session\.json: mic_channels: missing, but needed",
    ),
    "missing rig": (
        lambda f: edit(f, rig={}),
        r"session\.json: rig.sample_rate_hz: missing, but needed",
    ),
    "bad type": (
        lambda f: edit(f, mic_channels=2),
        r"session\.json: mic_channels: found the number 2, but a list is needed",
    ),
    "not a number": (
        lambda f: edit(f, channels="many"),
        r"session\.json: channels: found the text 'many', but a whole number",
    ),
    "infinite channels": (
        lambda f: edit(f, channels=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "infinite full scale": (
        lambda f: edit(f, full_scale=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "infinite rate": (
        lambda f: edit_in(f, "excitation", sample_rate_hz=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "a number too large": (
        lambda f: rewrite(f, '"channels": 3', '"channels": 1e999'),
        r"session\.json: channels: found inf, but a finite number",
    ),
    "endless silence": (
        lambda f: edit(f, empty_until_s=1e300),
        r"empty_until_s: found 1e\+300, allowed: 0\.0 to",
    ),
    "half a channel": (
        lambda f: edit(f, mic_channels=[0.5, 1]),
        r"mic_channels\[0\]: found the number 0\.5, but a whole number",
    ),
    "channel twice": (lambda f: edit(f, mic_channels=[1, 1]), "each channel can be used only once"),
    "reference is a microphone": (
        lambda f: edit(f, reference_channel=2),
        "each channel can be used only once",
    ),
    "infinite width": (
        lambda f: edit_camera(f, width=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "no focal length": (
        lambda f: edit_camera(f, fx=0),
        r"session\.json: rig\.camera\.fx: found 0\.0, but a finite number",
    ),
    "focal length NaN": (
        lambda f: edit_camera(f, fx=float("nan")),
        r"session\.json: not JSON \(NaN in it\)",
    ),
    "huge focal length": (
        lambda f: edit_camera(f, fx=10**400),
        r"session\.json: rig\.camera\.fx: found 10+, allowed",
    ),
    "huge pair": (
        lambda f: edit_in(f, "rig", pairs=[[0, 10**30]]),
        r"rig\.pairs\[0\]\[1\]: found 10+, allowed: 0 to 2147483647",
    ),
    "half a pair": (
        lambda f: edit_in(f, "rig", pairs=[[0, 0.5]]),
        r"rig\.pairs\[0\]\[1\]: found the number 0\.5, but a whole number",
    ),
    "other image size": (
        lambda f: edit_camera(f, width=48, height=64),
        r"frames\.mp4: images of 64 x 48 pixels, .* is for 48 x 64: put the cal",
    ),
    "rig of another rate": (
        lambda f: edit_in(f, "rig", sample_rate_hz=48000),
        "rig is for 48000 Hz .* 16000 Hz .* agree",
    ),
    "rig of another band": (
        lambda f: edit_in(f, "rig", band_hz=[2000, 7000]),
        r"a band of \[2000\.0, 7000\.0\] Hz, .* agree",
    ),
    "bad source": (
        lambda f: edit(f, source="device"),
        "source: found 'device', allowed: 'recorded', 'simulated'",
    ),
    "channel beyond": (lambda f: edit(f, mic_channels=[0, 9]), "exceed 3 channels"),
    "microphone count": (
        lambda f: edit(f, mic_channels=[0]),
        "1 mic_channels, but the rig has 2 microphones",
    ),
    "other channels": (
        lambda f: edit(f, channels=4),
        r"audio\.npy: holds int16 \(32000, 3\), but int16 \(any, 4\) is needed",
    ),
    "other rate": (
        lambda f: edit(
            f,
            excitation={
                "sample_rate_hz": 48000,
                "band_hz": [2000, 7500],
                "period_s": 0.05,
                "level_dbfs": -20,
            },
        ),
        "period_samples is 800, but the excitation has 2400",
    ),
    "too loud": (
        lambda f: edit(
            f,
            excitation={
                "sample_rate_hz": 16000,
                "band_hz": [2000, 7500],
                "period_s": 0.05,
                "level_dbfs": 0,
            },
        ),
        r"session\.json: excitation\.level_dbfs",
    ),
    "cut audio": (lambda f: cut(f / "audio.npy", 0.7), r"audio\.npy: truncated"),
    "empty audio": (lambda f: cut(f / "audio.npy", 0.0), r"audio\.npy: truncated .*0 bytes"),
    "no audio": (lambda f: (f / "audio.npy").unlink(), r"audio\.npy: no such file"),
    "short audio": (
        lambda f: np.save(f / "audio.npy", np.zeros((5 * N, CHANNELS), np.int16)),
        r"audio\.npy: 4000 frames, but 40 periods of 800 frames",
    ),
    "float audio": (
        lambda f: np.save(f / "audio.npy", np.zeros((PERIODS * N, 3))),
        "holds float64",
    ),
    "audio times": (
        lambda f: np.save(f / "audio_times.npy", np.zeros(PERIODS, np.int64)),
        "times do not grow",
    ),
    "faults": (
        lambda f: (f / "audio_faults.json").write_text('{"x": "gap"}'),
        r"audio_faults\.json: keys",
    ),
    "cut video": (lambda f: cut(f / "frames.mp4", 0.6), r"frames\.mp4: not a readable video"),
    "no video": (lambda f: (f / "frames.mp4").unlink(), r"neither frames\.mp4 nor frames/"),
    "frame times": (
        lambda f: np.save(f / "frame_times.npy", np.arange(31)),
        r"frames\.mp4: 30 images, but frame_times\.npy lists 31",
    ),
    "images after the sound": (
        lambda f: np.save(f / "frame_times.npy", np.arange(FRAMES) + 10**10),
        r"frame_times\.npy: images from 10 to 10 s, but sound from 0 to 2 s",
    ),
    "images before the sound": (
        lambda f: np.save(f / "frame_times.npy", np.arange(FRAMES) - 10**10),
        "images from -10 to -10 s, but sound from 0 to 2 s",
    ),
    "archive of times": (
        lambda f: (f / "truth.npz").replace(f / "audio_times.npy"),
        r"audio_times\.npy: holds an archive, but one \.npy array",
    ),
    "text truth": (
        lambda f: np.savez(f / "truth.npz", t_ns=np.array(["now"]), joints=np.zeros((1, 25, 3))),
        r"truth\.npz: t_ns holds <U3",
    ),
    "cut truth": (lambda f: cut(f / "truth.npz", 0.5), r"truth\.npz: truncated"),
    "other truth": (
        lambda f: np.savez(f / "truth.npz", t_ns=np.zeros(2), joints=np.zeros((2, 15, 3))),
        r"\(K, 25, 3\) are needed",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(folder, damage):
    inflict, message = DAMAGES[damage]
    inflict(folder)
    with pytest.raises(SessionError, match=message) as caught:
        load_session(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_killed_recording_loads_up_to_the_kill(tmp_path):
    code = (
        "import os, sys, pathlib; from tests.edge.sources.test_session import *\n"
        "w = make(pathlib.Path(sys.argv[1])); fill(w, 9, 5); os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "killed")],
        cwd=ROOT,
        check=False,
    )
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


def test_a_truth_without_rows_is_no_truth(folder):
    np.savez(folder / "truth.npz", t_ns=np.zeros(0, np.int64), joints=np.zeros((0, 25, 3)))
    assert load_session(folder).truth is None


def test_sound_alone_loads_but_its_images_are_missed(tmp_path):
    with make(tmp_path / "sound") as writer:
        fill(writer, frames=0)
    source = open_replay(tmp_path / "sound", realtime=False)
    assert source.audio.read(0.0) is not None
    with pytest.raises(SessionError, match=r"frame_times\.npy: lists no image; record"):
        source.frames.read(0.0)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: to the writer this is a disk that fills up in the
    middle of a write.
    """
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
