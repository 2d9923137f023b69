"""The mixer of a real libasound control device: what it is set to, and what has changed since."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from edge.core.calibration_file import VolumePart
from edge.core.config import AudioConfig
from edge.sources.alsa.mixer import changed_volumes, read_volumes
from tests.support.alsa_device import CARD, AlsaTestDevice

AUDIO = AudioConfig(capture=CARD, playback=f"plug{CARD},DEV=0")


@pytest.fixture
def card(alsa_card: Callable[..., AlsaTestDevice]) -> AlsaTestDevice:
    found = alsa_card(np.zeros((1600, 6), np.int16), 16000, mixer=True)
    found.set_volumes(Mic_Capture=40, PCM_Playback=77)
    return found


def test_each_direction_has_its_own_volumes(card: AlsaTestDevice) -> None:
    capture, playback = VolumePart("capture", "Mic", (40,)), VolumePart("playback", "PCM", (77,))
    assert read_volumes(AUDIO) == (capture, playback)
    assert read_volumes(msgspec.structs.replace(AUDIO, playback="")) == (capture,)
    assert read_volumes(msgspec.structs.replace(AUDIO, capture="default")) == (playback,)


def test_what_was_turned_is_named_and_nothing_else(card: AlsaTestDevice) -> None:
    then = read_volumes(AUDIO)
    assert changed_volumes(then, read_volumes(AUDIO)) == ""
    card.set_volumes(Mic_Capture=55, PCM_Playback=77)
    assert changed_volumes(then, read_volumes(AUDIO)) == "capture volume 'Mic' was 40 and is 55"
    card.set_volumes(PCM_Playback=70)
    assert changed_volumes(then, read_volumes(AUDIO)) == "playback volume 'PCM' was 77 and is 70"
    two = VolumePart("capture", "Mic", (40, 41))
    assert changed_volumes(then[:1], (two,)) == "capture volume 'Mic' was 40 and is 40/41"


def test_a_card_that_is_not_there_has_no_volumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    monkeypatch.delenv("ALSA_CONFIG_PATH", raising=False)
    assert read_volumes(msgspec.structs.replace(AUDIO, capture="hw:CARD=Nobody")) == ()
