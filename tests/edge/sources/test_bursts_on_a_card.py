"""Bursts through libasound: played, found and cut, whatever happens to the card."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from edge.core.config import AudioConfig
from edge.core.contracts import AudioPeriod
from edge.core.rig import Camera, Rig
from edge.sound.burst import make_burst
from edge.sound.excitation import make_excitation
from edge.sources.alsa import duplex
from edge.sources.alsa.source import AlsaAudio
from tests.support.alsa_device import AlsaTestDevice
from tests.support.waiting import LIMIT_S, until

RATE, LOOPBACK = 16000, 3
EXCITATION = make_excitation(RATE, (2000.0, 7500.0), 0.05, -12.0)
N = EXCITATION.period_samples
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0]]),
    pairs=np.array([[0, 0]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
    speed_of_sound_m_s=343.0,
)


class Bench:
    """A card whose capture channel LOOPBACK hears what is played: the reference, or the only
    microphone. Nothing plays by itself.
    """

    def __init__(self, reference: bool, card: AlsaTestDevice) -> None:
        self.reference, self.card = reference, card
        self.source = AlsaAudio(
            AudioConfig(
                capture=card.capture,
                playback=card.playback,
                channels=4,
                mic_channels=(1,) if reference else (LOOPBACK,),
                reference_channel=LOOPBACK if reference else -1,
                playback_channels=2,
                alsa_period_frames=160,
                alsa_periods=40,
            ),
            EXCITATION,
            RIG,
        )
        self.source.set_continuous(False)
        self.heard: list[AudioPeriod] = []
        while self.read().sounding != "silence":
            pass
        del self.heard[:-1]

    def read(self) -> AudioPeriod:
        deadline = time.monotonic() + LIMIT_S
        while (period := self.source.read(1.0)) is None and time.monotonic() < deadline:
            pass
        assert period is not None, self.source.counters
        self.heard.append(period)
        return period

    def probe(self, periods: int, gain: float = 1.0) -> None:
        """Ask until it is written to the card."""
        before = np.count_nonzero(self.card.played())

        while np.count_nonzero(self.card.played()) == before:
            self.source.probe(periods, gain)
            self.read()

    def next_burst(self) -> AudioPeriod:
        while (period := self.read()).sounding != "burst":
            pass
        return period

    def check(self, burst: AudioPeriod, periods: int, gain: float) -> None:
        """It is what was played, where it was played."""
        assert (burst.fault, burst.burst, burst.gain) == ("", periods, gain)
        want = make_burst(EXCITATION, periods).samples
        if self.reference:
            got = burst.reference
        else:
            # The card hears itself at once: 0.1 m sooner than the rig says.
            soon = RIG.direct_arrival_s[0] * RATE
            got = np.roll(gain * burst.samples[0], -round(soon))
            assert burst.delay_samples == pytest.approx(round(soon) - soon, abs=0.02)
        assert got == pytest.approx(np.round(want * gain * 32767) / 32768, abs=2 / 32768)


@pytest.fixture(params=[True, False], ids=["reference", "direct"])
def bench(request, alsa_card):
    made = []

    def make(**options: int) -> Bench:
        card = alsa_card(
            np.zeros((RATE, 4), np.int16), RATE, playback_channels=2, loopback=LOOPBACK, **options
        )
        made.append(Bench(request.param, card))
        return made[-1]

    yield make
    for b in made:
        b.source.close()


def test_bursts_and_silence(bench: Callable[..., Bench]) -> None:
    b = bench()
    for periods, gain in ((1, 1.0), (2, 0.25), (5, 0.05), (1, 0.5)):
        b.probe(periods, gain)
        b.check(b.next_burst(), periods, gain)
        b.read()
    others = [p for p in b.heard if p.sounding != "burst"]
    assert {(p.sounding, p.fault) for p in others} == {("silence", "")}
    assert b.source.counters.xruns == 0


def test_mute_cuts_a_burst(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.probe(5)
    b.source.set_muted(True)
    assert b.next_burst().fault == "muted"
    before = np.count_nonzero(b.card.played())
    for _ in range(12):
        assert (b.read().sounding, b.heard[-1].fault) == ("silence", "")
    assert np.count_nonzero(b.card.played()) == before, "nothing more was written"
    b.source.set_muted(False)
    b.probe(2, 0.5)
    b.check(b.next_burst(), 2, 0.5)


def test_a_card_lost_in_a_burst_costs_that_burst(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplex, "_BACK_OFF_S", (0.01, 0.01))
    b = bench()
    b.probe(5)
    b.card.unplug()
    assert until(lambda: b.source.counters.last_error)
    b.card.plug()
    assert b.next_burst().fault in ("reopened", "playback xrun")
    b.read()
    b.probe(2, 0.5)
    b.check(b.next_burst(), 2, 0.5)
    assert b.source.counters.reopened == 1


def test_playback_that_breaks_in_silence_is_no_fault(bench: Callable[..., Bench]) -> None:
    b = bench(playback_xrun_at=4 * RATE)
    b.probe(1)
    b.check(b.next_burst(), 1, 1.0)
    while not b.source.counters.xruns:
        b.read()
    for _ in range(20):
        b.read()
    assert {p.fault for p in b.heard} == {""}
    b.probe(3, 0.5)
    b.check(b.next_burst(), 3, 0.5)


def test_a_loss_in_the_recording_moves_the_next_burst_and_it_is_found(
    bench: Callable[..., Bench],
) -> None:
    b = bench(xrun_at=4 * RATE)
    b.probe(1)
    b.check(b.next_burst(), 1, 1.0)
    while not any(p.fault for p in b.heard):
        b.read()
    b.probe(3, 0.5)
    b.check(b.next_burst(), 3, 0.5)
    assert [p.fault for p in b.heard if p.fault] == ["capture xrun"]


def test_no_thread_is_left(bench: Callable[..., Bench]) -> None:
    b = bench()
    b.probe(5)
    b.source.close()
    assert until(lambda: not any(t.name.startswith("alsa-") for t in threading.enumerate()))
