"""Images of a session: in order, of one size, and never a path or file that OpenCV dies of."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.core.errors import SessionError
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from tests.edge.sources.session.small_session import FRAMES, picture


def unpacked(session: Path, name: Callable[[int], str] = lambda k: f"f{k}.jpg") -> Path:
    """The session with its film as single images of these names."""
    (session / "frames.mp4").unlink()
    (session / "frames").mkdir()
    for k in range(FRAMES):
        cv2.imwrite(str(session / "frames" / name(k)), picture(k)[..., ::-1])
    return session


def all_images(folder: Path) -> list[np.ndarray]:
    """As a replay gives them."""
    frames = open_replay(folder, realtime=False).frames
    return [frames.read(0.0).image for _ in range(FRAMES)]


NAMES: list[Callable[[int], str]] = [
    lambda k: f"f{k}.jpg",
    lambda k: f"{k + 7}.jpg",
    lambda k: f"frame-{k + 98:02d}.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_images_come_in_the_order_of_their_numbers(folder: Path, name: Callable[[int], str]):
    reader = FrameReader(unpacked(folder, name))
    reds = [int(reader.read()[24, 32, 0]) for _ in range(FRAMES)]
    assert all(abs(red - 8 * k) < 8 for k, red in enumerate(reds)), reds


def test_a_gap_in_the_numbers_is_named(folder: Path):
    (unpacked(folder) / "frames" / "f9.jpg").unlink()
    with pytest.raises(SessionError, match="image 9 is missing"):
        load_session(folder)


def test_names_without_an_order_are_named(folder: Path):
    frames = unpacked(folder) / "frames"
    (frames / "f3.jpg").rename(frames / "03.jpg")
    (frames / "f4.jpg").rename(frames / "04x.jpg")
    with pytest.raises(SessionError, match=r"04x\.jpg: no number"):
        load_session(folder)
    (frames / "04x.jpg").rename(frames / "3.jpg")
    with pytest.raises(SessionError, match=r"3\.jpg: has the number of"):
        load_session(folder)


def test_an_image_of_another_size_is_named(folder: Path):
    cv2.imwrite(str(unpacked(folder) / "frames" / "f4.jpg"), np.zeros((24, 32, 3), np.uint8))
    with pytest.raises(SessionError, match="image 4 has 32 x 24 pixels, but 64 x 48"):
        all_images(folder)


@pytest.mark.parametrize("film", [True, False])
def test_a_path_that_is_not_utf_8_is_refused_before_opencv_dies_of_it(folder: Path, film: bool):
    if not film:
        unpacked(folder)
    moved = Path(os.fsdecode(os.fsencode(folder.parent) + b"/caf\xe9"))
    folder.rename(moved)
    with pytest.raises(SessionError, match="its path is not UTF-8; rename"):
        load_session(moved)


@pytest.mark.parametrize("name", ["session.json", "audio.npy", "audio_times.npy", "truth.npz"])
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_a_part_that_is_no_regular_file_is_named_at_once(folder: Path, name: str, kind: str):
    part = folder / name
    part.unlink()
    if kind == "a pipe":
        os.mkfifo(part)
    elif kind == "a folder":
        part.mkdir()
    else:
        part.symlink_to("/dev/zero")
    with pytest.raises(SessionError, match=f"{name}: .*it is {kind}"):
        load_session(folder)


@pytest.mark.parametrize("name", ["frames.mp4", "frames/f2.jpg"])
def test_an_image_that_is_a_pipe_is_named_at_once(folder: Path, name: str):
    if name != "frames.mp4":
        unpacked(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(SessionError, match="it is a pipe"):
        all_images(folder)


def test_a_rig_in_millimetres_is_refused(folder: Path):
    head = folder / "session.json"
    content = json.loads(head.read_text())
    content["rig"]["mics_m"] = (1000.0 * np.array(content["rig"]["mics_m"])).tolist()
    head.write_text(json.dumps(content))
    with pytest.raises(SessionError, match=r"session\.json: rig\.mics_m: .* give metres"):
        load_session(folder)


def test_a_band_that_cannot_tell_distances_is_refused(folder: Path) -> None:
    head = folder / "session.json"
    content = json.loads(head.read_text())
    for part in ("rig", "excitation"):
        content[part]["band_hz"] = [2000.0, 2100.0]
    content["excitation"]["period_s"], content["period_samples"] = 0.2, 3200  # lines enough
    head.write_text(json.dumps(content))
    with pytest.raises(SessionError, match=r"session\.json: band_hz: .* is 100 Hz wide"):
        load_session(folder)
