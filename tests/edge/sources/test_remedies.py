"""One remedy for each cause: sound cards that fail with each errno, and who holds a device."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.core.config import AudioConfig
from edge.core.errors import DeviceError
from edge.sources import remedies
from edge.sources.alsa.card import _offered, alsa_module, open_card
from edge.sources.holders import device_holders, sound_cards, sound_holders
from tests.support.waiting import until

RATE = 16000


def proc(folder: Path) -> Path:
    """A /proc with two cards; a recorder's second thread has opened the array's capture."""
    array, jack = folder / "asound" / "card1", folder / "asound" / "card0"
    for card, name in ((array, "ArrayUAC10"), (jack, "Headphones")):
        card.mkdir(parents=True)
        (card / "id").write_text(f"{name}\n")
    for pcm, text in (("pcm0c", "state: RUNNING\nowner_pid   : 4243\n"), ("pcm0p", "closed\n")):
        (array / pcm / "sub0").mkdir(parents=True)
        (array / pcm / "sub0" / "status").write_text(text)
    for pid, name in (("4243", "worker"), ("4242", "arecord")):
        (folder / pid).mkdir()
        (folder / pid / "comm").write_text(f"{name}\n")
        (folder / pid / "status").write_text(f"Name:\t{name}\nTgid:\t4242\n")
    return folder


def test_who_holds_a_sound_card_is_the_process_not_its_thread(tmp_path) -> None:
    root = proc(tmp_path)
    for card in ("", "1", "ArrayUAC10"):
        assert [str(h) for h in sound_holders("c", card, root)] == ["arecord (process 4242)"]
    assert sound_holders("c", "Headphones", root) == []
    assert sound_holders("p", "", root) == []
    assert sound_cards(root) == ["hw:CARD=Headphones", "hw:CARD=ArrayUAC10"]


def test_who_holds_a_camera_is_seen_in_its_open_files(tmp_path) -> None:
    for pid, path in (("7", "/dev/video0"), ("8", "/dev/videos"), ("9", "/dev/media3")):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fd" / "5").symlink_to(path)
        (tmp_path / pid / "comm").write_text(f"program{pid}\n")
    (tmp_path / "10").mkdir()  # another user's
    found = device_holders(remedies.CAMERA_DEVICES, tmp_path)
    assert [str(h) for h in found] == ["program7 (process 7)", "program9 (process 9)"]


def test_a_real_process_that_holds_a_device_is_named(tmp_path) -> None:
    device = tmp_path / "video0"
    device.touch()
    code = f"f = open({str(device)!r}); print(flush=True); input(); f.close()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        found = device_holders((str(tmp_path / "video"),))
        process.stdin.write(b"\n")
    assert [h.pid for h in found] == [process.pid]
    with device.open():
        assert "this process itself" in str(device_holders((str(tmp_path / "video"),))[0])


WORDS = {
    errno.EBUSY: r"another program uses it; end arecord \(process 4242\)",
    errno.EACCES: r"this user may not; `sudo usermod -aG audio",
    errno.EPERM: r"this user may not; `sudo usermod -aG audio",
    errno.ENOENT: r"sound cards here: hw:CARD=Headphones, hw:CARD=ArrayUAC10; set audio\.",
    errno.ENODEV: r"under another name, sound cards here: .*; plug it in again, or set",
    errno.ENXIO: r"the card is not there, unplugged or under another name",
    errno.EINVAL: r"does not take this format; set section \[audio\] to what",
    errno.EIO: r"does not answer; plug it in anew",
    errno.ENOMEM: r"check the name against `(arecord|aplay) -L`",
}


@pytest.fixture
def card(alsa_card, tmp_path, monkeypatch):
    root = proc(tmp_path / "proc")
    monkeypatch.setattr(remedies, "sound_holders", lambda way, card: sound_holders(way, card, root))
    monkeypatch.setattr(remedies, "sound_cards", lambda: sound_cards(root))
    return alsa_card(np.zeros((RATE, 4), np.int16), RATE, playback_channels=2)


@pytest.mark.parametrize("code", WORDS, ids=errno.errorcode.get)
@pytest.mark.parametrize("direction", ["capture", "playback"])
def test_a_sound_card_that_fails_with_an_errno_has_that_remedy_and_no_other(
    card, code, direction
) -> None:
    words = WORDS[code]
    if code == errno.EBUSY and direction == "playback":  # only the capture is held
        words = r"another program uses it; end it: `sudo fuser -v /dev/snd/\*`"
    audio = AudioConfig(
        capture=card.capture, playback=card.playback, channels=4, playback_channels=2
    )
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        card.refuse(code, direction)
        with pytest.raises(DeviceError, match=words) as raised:
            open_card(audio, RATE)
        said = str(raised.value)
        assert f"audio.{direction} {getattr(card, direction)!r} cannot be opened" in said
        assert said.count("; ") == 1, "one remedy"
        card.refuse(0, direction)
        open_card(audio, RATE).close()
    # Fewer, where those of a test before ended meanwhile.
    assert threading.active_count() <= threads
    assert until(lambda: len(os.listdir("/proc/self/fd")) <= files)


def test_a_format_that_is_refused_says_what_the_device_offers(card) -> None:
    alsaaudio = alsa_module()
    asked = {"type": alsaaudio.PCM_CAPTURE, "mode": alsaaudio.PCM_NONBLOCK}
    offered = _offered(alsaaudio, {**asked, "device": card.capture})
    assert offered == "what it offers: 4 channels, 16000 Hz, S16_LE"
    # A plug takes any of thousands of rates: naming them all would never end.
    assert "channels" in _offered(alsaaudio, {**asked, "device": "null"})
    said = remedies.sound_problem("capture", "hw:1", "Invalid argument [hw:1]", lambda: offered)
    assert said.endswith(f"does not take this format; set section [audio] to {offered}")


@pytest.mark.parametrize(
    ("device", "warned"),
    [
        ("hw:1", True),
        ("hw:1,0", True),
        ("plughw:1", True),
        ("dsnoop:1", True),
        ("hw:CARD=1,DEV=0", True),
        ("hw:CARD=ArrayUAC10", False),
        ("hw:ArrayUAC10,0", False),
        ("posekernel_capture", False),
        ("default", False),
    ],
)
def test_a_card_by_its_number_draws_a_warning(tmp_path, device, warned) -> None:
    said = remedies.numbered_card(device, proc(tmp_path) / "asound")
    assert bool(said) == warned
    assert not warned or said.endswith("; use hw:CARD=ArrayUAC10")


def test_causes_are_told_from_the_chain_whether_raised_from_or_within() -> None:
    def fail(how: str) -> None:
        try:
            raise RuntimeError("Device or resource busy")
        except RuntimeError as e:
            if how == "from":
                raise RuntimeError("did not complete.") from e
            raise RuntimeError("did not complete.")  # noqa: B904

    for how in ("from", "within"):
        with pytest.raises(RuntimeError) as raised:
            fail(how)
        assert remedies.causes(raised.value) == "did not complete: Device or resource busy"


def test_a_camera_by_its_number_draws_a_warning_where_there_are_several(tmp_path) -> None:
    links, nodes = tmp_path / "by-id", tmp_path / "dev"
    links.mkdir()
    nodes.mkdir()
    for number, name in ((0, "usb-A-video-index0"), (1, "usb-A-video-index1")):
        (nodes / f"video{number}").touch()
        (links / name).symlink_to(nodes / f"video{number}")
    device = str(nodes / "video0")
    assert remedies.numbered_camera(device, links) == "", "one camera with two nodes"
    (nodes / "video2").touch()
    (links / "usb-B-video-index0").symlink_to(nodes / "video2")
    said = remedies.numbered_camera(device, links)
    assert said.endswith(f"; use {links / 'usb-A-video-index0'}")
    assert remedies.numbered_camera(str(links / "usb-A-video-index0"), links) == ""
