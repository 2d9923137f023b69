"""A sound card that has one holder and goes away again and again: it comes back, nothing leaks."""

import errno
import os
import threading

import numpy as np
import pytest

from edge.core.config import AudioConfig, ExcitationConfig
from edge.core.errors import DeviceError
from edge.core.rig import Camera, Rig
from edge.sound.excitation import make_excitation
from edge.sources.alsa import duplex
from edge.sources.alsa.card import open_card
from edge.sources.alsa.source import AlsaAudio
from tests.support.waiting import LIMIT_S, until

RATE = 16000
X = ExcitationConfig(sample_rate_hz=RATE, band_hz=(2000.0, 7500.0), period_s=0.05)
EXCITATION = make_excitation(RATE, X.band_hz, X.period_s, X.level_dbfs)
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
    speed_of_sound_m_s=343.0,
)


@pytest.fixture
def card(alsa_card):
    return alsa_card(np.ones((RATE, 4), np.int16), RATE, playback_channels=2)


@pytest.fixture
def audio(card) -> AudioConfig:
    return AudioConfig(
        capture=card.capture,
        playback=card.playback,
        channels=4,
        mic_channels=(1, 2),
        reference_channel=3,
        playback_channels=2,
        alsa_period_frames=160,
        alsa_periods=40,
    )


def sound_threads() -> list[str]:
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("alsa-"))


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_second_holder_is_refused_and_the_first_goes_on(audio) -> None:
    first = AlsaAudio(audio, EXCITATION, RIG)
    with pytest.raises(DeviceError, match="another program uses it; end it: `sudo fuser"):
        open_card(audio, RATE)
    assert first.read(LIMIT_S) is not None
    first.close()
    open_card(audio, RATE).close()


def test_what_is_refused_at_the_playback_lets_the_capture_go(card, audio) -> None:
    holder = open_card(audio, RATE)
    holder.capture.close()
    for _ in range(3):
        with pytest.raises(DeviceError, match=r"audio\.playback"):
            open_card(audio, RATE)
    holder.close()
    open_card(audio, RATE).close()


def test_a_card_that_goes_away_50_times_comes_back_and_leaks_nothing(
    card, audio, monkeypatch
) -> None:
    monkeypatch.setattr(duplex, "_BACK_OFF_S", (0.01, 0.01))
    most, threads = files(), sound_threads()
    source = AlsaAudio(audio, EXCITATION, RIG)
    for loss in range(1, 51):
        while source.read(LIMIT_S) is None:
            pass
        card.unplug()
        assert until(lambda: source.counters.last_error)
        card.plug()
        assert until(lambda n=loss: source.counters.reopened == n), source.counters
        source.counters.last_error = ""
    assert source.read(LIMIT_S) is not None
    source.close()
    # Fewer files, where those of a test before were closed meanwhile.
    assert until(lambda: files() <= most and sound_threads() == threads)


def test_a_card_that_another_took_while_it_was_away_is_waited_for(card, audio, monkeypatch) -> None:
    monkeypatch.setattr(duplex, "_BACK_OFF_S", (0.01, 0.01))
    source = AlsaAudio(audio, EXCITATION, RIG)
    card.unplug()
    assert until(lambda: "No such device" in source.counters.last_error)
    card.refuse(errno.EBUSY)
    card.plug()
    assert until(lambda: "another program uses it" in source.counters.last_error)
    assert source.counters.reopened == 0
    card.refuse(0)
    assert until(lambda: source.counters.reopened == 1)
    source.close()
