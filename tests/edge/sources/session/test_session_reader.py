"""Reading a session: what was written comes back, and all damage is named."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core.errors import EndOfStreamError, SessionError
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from tests.edge.sources.session.small_session import (
    CHANNELS,
    FRAMES,
    PERIODS,
    RIG,
    N,
    fill,
    make,
    picture,
    sound,
)


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
    assert s.truth.joints.shape == (2, 2, 25, 3)
    assert s.truth.joints[1, :, 8, 2].tolist() == [3.1, 4.0]
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


Damage = Callable[[Path], object]  # of a session's folder


def shortened(name: str, share: float) -> Damage:
    """Keep this share of a file."""
    return lambda f: os.truncate(f / name, int(share * (f / name).stat().st_size))


def removed(name: str) -> Damage:
    return lambda f: (f / name).unlink()


def saved(name: str, array: np.ndarray) -> Damage:
    return lambda f: np.save(f / name, array)


def rewritten(old: str, new: str) -> Damage:
    """Replace a text in session.json."""

    def rewrite(folder: Path) -> None:
        text = (folder / "session.json").read_text()
        assert old in text
        (folder / "session.json").write_text(text.replace(old, new))

    return rewrite


def edited_in(*parts: str, **change: object) -> Damage:
    """Set keys of session.json, below `parts`; None removes one."""

    def edit(folder: Path) -> None:
        file = folder / "session.json"
        head = table = json.loads(file.read_text())
        for part in parts:
            table = table[part]
        table.update(change)
        for key in [key for key, value in change.items() if value is None]:
            del table[key]
        file.write_text(json.dumps(head))

    return edit


def edited(**change: object) -> Damage:
    return edited_in(**change)


def edited_camera(**change: object) -> Damage:
    return edited_in("rig", "camera", **change)


DAMAGES = {
    "no folder": (lambda f: shutil.rmtree(f), "no such folder"),
    "no session.json": (removed("session.json"), r"session\.json: no such file"),
    "cut json": (shortened("session.json", 0.5), r"session\.json: not JSON"),
    "json list": (
        lambda f: (f / "session.json").write_text("[]"),
        "a JSON object is needed, found list",
    ),
    "other version": (edited(version=9), "version 9, but 'posekernel-session' version 1 is needed"),
    "missing key": (edited(mic_channels=None), r"session\.json: mic_channels: missing, but needed"),
    "missing rig": (edited(rig={}), r"session\.json: rig.sample_rate_hz: missing, but needed"),
    "bad type": (
        edited(mic_channels=2),
        r"session\.json: mic_channels: found the number 2, but a list is needed",
    ),
    "not a number": (
        edited(channels="many"),
        r"session\.json: channels: found the text 'many', but a whole number",
    ),
    "infinite channels": (edited(channels=1e999), r"session\.json: not JSON \(Infinity in it\)"),
    "infinite full scale": (
        edited(full_scale=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "infinite rate": (
        edited_in("excitation", sample_rate_hz=1e999),
        r"session\.json: not JSON \(Infinity in it\)",
    ),
    "a number too large": (
        rewritten('"channels": 3', '"channels": 1e999'),
        r"session\.json: channels: found inf, but a finite number",
    ),
    "endless silence": (
        edited(empty_until_s=1e300),
        r"empty_until_s: found 1e\+300, allowed: 0\.0 to",
    ),
    "half a channel": (
        edited(mic_channels=[0.5, 1]),
        r"mic_channels\[0\]: found the number 0\.5, but a whole number",
    ),
    "channel twice": (edited(mic_channels=[1, 1]), "each channel can be used only once"),
    "reference is a microphone": (
        edited(reference_channel=2),
        "each channel can be used only once",
    ),
    "infinite width": (edited_camera(width=1e999), r"session\.json: not JSON \(Infinity in it\)"),
    "no focal length": (
        edited_camera(fx=0),
        r"session\.json: rig\.camera\.fx: found 0\.0, but a finite number",
    ),
    "focal length NaN": (edited_camera(fx=float("nan")), r"session\.json: not JSON \(NaN in it\)"),
    "huge focal length": (
        edited_camera(fx=10**400),
        r"session\.json: rig\.camera\.fx: found 10+, allowed",
    ),
    "huge pair": (
        edited_in("rig", pairs=[[0, 10**30]]),
        r"rig\.pairs\[0\]\[1\]: found 10+, allowed: 0 to 2147483647",
    ),
    "half a pair": (
        edited_in("rig", pairs=[[0, 0.5]]),
        r"rig\.pairs\[0\]\[1\]: found the number 0\.5, but a whole number",
    ),
    "other image size": (
        edited_camera(width=48, height=64),
        r"frames\.mp4: images of 64 x 48 pixels, .* is for 48 x 64: put the cal",
    ),
    "rig of another rate": (
        edited_in("rig", sample_rate_hz=48000),
        "rig is for 48000 Hz .* 16000 Hz .* agree",
    ),
    "rig of another band": (
        edited_in("rig", band_hz=[2000, 7000]),
        r"a band of \[2000\.0, 7000\.0\] Hz, .* agree",
    ),
    "bad source": (
        edited(source="device"),
        "source: found 'device', allowed: 'recorded', 'simulated'",
    ),
    "channel beyond": (edited(mic_channels=[0, 9]), "exceed 3 channels"),
    "microphone count": (edited(mic_channels=[0]), "1 mic_channels, but the rig has 2 microphones"),
    "other channels": (
        edited(channels=4),
        r"audio\.npy: holds int16 \(32000, 3\), but int16 \(any, 4\) is needed",
    ),
    "other rate": (
        edited(
            excitation={
                "sample_rate_hz": 48000,
                "band_hz": [2000, 7500],
                "period_s": 0.05,
                "level_dbfs": -20,
            }
        ),
        "period_samples is 800, but the excitation has 2400",
    ),
    "too loud": (
        edited(
            excitation={
                "sample_rate_hz": 16000,
                "band_hz": [2000, 7500],
                "period_s": 0.05,
                "level_dbfs": 0,
            }
        ),
        r"session\.json: excitation\.level_dbfs",
    ),
    "cut audio": (shortened("audio.npy", 0.7), r"audio\.npy: truncated"),
    "empty audio": (shortened("audio.npy", 0.0), r"audio\.npy: truncated .*0 bytes"),
    "no audio": (removed("audio.npy"), r"audio\.npy: no such file"),
    "short audio": (
        saved("audio.npy", np.zeros((5 * N, CHANNELS), np.int16)),
        r"audio\.npy: 4000 frames, but 40 periods of 800 frames",
    ),
    "float audio": (saved("audio.npy", np.zeros((PERIODS * N, 3))), "holds float64"),
    "audio times": (saved("audio_times.npy", np.zeros(PERIODS, np.int64)), "times do not grow"),
    "faults": (
        lambda f: (f / "audio_faults.json").write_text('{"x": "gap"}'),
        r"audio_faults\.json: keys",
    ),
    "cut video": (shortened("frames.mp4", 0.6), r"frames\.mp4: not a readable video"),
    "no video": (removed("frames.mp4"), r"neither frames\.mp4 nor frames/"),
    "frame times": (
        saved("frame_times.npy", np.arange(31)),
        r"frames\.mp4: 30 images, but frame_times\.npy lists 31",
    ),
    "images after the sound": (
        saved("frame_times.npy", np.arange(FRAMES) + 10**10),
        r"frame_times\.npy: images from 10 to 10 s, but sound from 0 to 2 s",
    ),
    "images before the sound": (
        saved("frame_times.npy", np.arange(FRAMES) - 10**10),
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
    "cut truth": (shortened("truth.npz", 0.5), r"truth\.npz: truncated"),
    "other truth": (
        lambda f: np.savez(f / "truth.npz", t_ns=np.zeros(2), joints=np.zeros((2, 15, 3))),
        r"\(K, Q, 25, 3\) or \(K, 25, 3\) are needed",
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


def test_a_truth_without_rows_is_no_truth(folder):
    np.savez(folder / "truth.npz", t_ns=np.zeros(0, np.int64), joints=np.zeros((0, 25, 3)))
    assert load_session(folder).truth is None


def test_a_truth_of_one_person_as_written_before_is_read(folder):
    joints = np.arange(2 * 75, dtype=np.float64).reshape(2, 25, 3)
    np.savez(folder / "truth.npz", t_ns=np.arange(2), joints=joints)
    truth = load_session(folder).truth
    assert truth is not None
    assert np.array_equal(truth.joints, joints[:, None])


def test_sound_alone_loads_but_its_images_are_missed(tmp_path):
    with make(tmp_path / "sound") as writer:
        fill(writer, frames=0)
    source = open_replay(tmp_path / "sound", realtime=False)
    assert source.audio.read(0.0) is not None
    with pytest.raises(SessionError, match=r"frame_times\.npy: lists no image; record"):
        source.frames.read(0.0)
