"""Bursts through a sound card whose time passes when told: cut right, heard right, told apart."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from edge.core.config import AudioConfig
from edge.core.contracts import AudioPeriod
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig
from edge.sound.burst import make_burst
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import make_excitation
from edge.sources.alsa import source
from edge.sources.alsa.source import AlsaAudio
from tests.support.lockstep_card import LockstepCard

RATE, BAND = 16000, (2000.0, 7500.0)
EXCITATION = make_excitation(RATE, BAND, 0.05, -12.0)
N = EXCITATION.period_samples
WINDOW_S = 0.02


def rig(speakers: int = 1) -> Rig:
    mics = np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]])
    return Rig(
        speakers=np.array([[0.1, 0.0, 0.0], [-0.2, 0.1, 0.0]])[:speakers],
        mics=mics,
        pairs=np.array([[s, m] for s in range(speakers) for m in range(2)]),
        camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
        speed_of_sound_m_s=343.0,
    )


class Bench:
    """A source over a lockstep card."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reference: bool, **options: float) -> None:
        self.reference = reference
        self.rig = rig(int(options.pop("speakers", 1)))
        continuous = bool(options.pop("continuous", False))
        audio = AudioConfig(
            channels=4,
            mic_channels=(1, 2),
            reference_channel=3 if reference else -1,
            playback_channels=2,
        )
        monkeypatch.setattr(source, "Duplex", partial(LockstepCard, rig=self.rig, **options))
        self.source = AlsaAudio(audio, EXCITATION, self.rig)
        self.source.set_continuous(continuous)
        self.card: LockstepCard = self.source._duplex  # type: ignore[assignment]
        self.deconvolvers: dict[int, Deconvolver] = {}

    def run(self, seconds: float, keep: Callable[[AudioPeriod], bool] = bool) -> list[AudioPeriod]:
        """What is heard while so much time passes; only what is to be kept."""
        periods = []
        for _ in range(round(seconds / 0.05)):
            self.card.advance(0.05)
            while (period := self.source.read(0.0)) is not None:
                if keep(period):
                    periods.append(period)
        return periods

    def burst(self, periods: int = 1, gain: float = 1.0) -> AudioPeriod:
        """Ask for a burst and hear it."""
        self.source.probe(periods, gain)
        (heard,) = self.run(1.5, is_burst)
        return heard

    def paths(self, period: AudioPeriod) -> tuple[np.ndarray, np.ndarray]:
        """Delay [s] and gain of the loudest path of each pair."""
        if period.burst not in self.deconvolvers:
            excitation = make_burst(EXCITATION, period.burst) if period.burst else EXCITATION
            self.deconvolvers[period.burst] = Deconvolver(excitation, self.rig, WINDOW_S)
        deconvolve = self.deconvolvers[period.burst]
        responses = deconvolve(period.samples, period.reference, period.delay_samples)
        fine = np.fft.fft(responses, axis=1)
        fine = np.fft.ifft(np.pad(fine, ((0, 0), (0, 63 * fine.shape[1]))), axis=1) * 64
        at = np.abs(fine).argmax(axis=1)
        return at / (64 * deconvolve.sample_rate_hz), np.abs(fine).max(axis=1)

    def check(self, period: AudioPeriod) -> None:
        """The direct sound is where physics puts it, and as loud, to 6 us (2 mm) and 2 %."""
        delay, gain = self.paths(period)
        apart = np.linalg.norm(
            self.rig.speakers[self.rig.pairs[:, 0]] - self.rig.mics[self.rig.pairs[:, 1]], axis=1
        )
        assert delay == pytest.approx(apart / 343.0, abs=6e-6)
        assert gain == pytest.approx(0.1 / apart, rel=0.02)


def is_burst(period: AudioPeriod) -> bool:
    return period.sounding == "burst"


@pytest.fixture(params=[True, False], ids=["reference", "direct"])
def bench(request, monkeypatch) -> Callable[..., Bench]:
    return partial(Bench, monkeypatch, request.param)


@pytest.mark.parametrize(("periods", "gain"), [(1, 1.0), (1, 0.05), (2, 0.3), (5, 0.02)])
def test_a_burst_comes_whole_and_is_heard_right(bench, periods, gain):
    b = bench()
    quiet = b.run(2.0)
    assert {(p.sounding, p.burst, p.fault) for p in quiet} == {("silence", 0, "")}
    assert (np.diff([p.frame for p in quiet]) == N).all()
    heard = b.burst(periods, gain)
    assert (heard.fault, heard.burst, heard.gain) == ("", periods, gain)
    assert heard.samples.shape == (2, (periods + 1) * N)
    assert (heard.reference is not None) == b.reference
    if b.reference:
        assert heard.reference.shape == ((periods + 1) * N,)
        assert np.abs(heard.reference).max() == pytest.approx(
            gain * np.abs(EXCITATION.samples).max(), rel=0.05
        )
    b.check(heard)


def test_silence_goes_on_around_a_burst_and_is_not_divided_by_its_gain(bench):
    b = bench(noise=0.001)
    periods = b.run(1.0)
    b.source.probe(2, 0.1)
    periods += b.run(3.0)
    at = [p.sounding for p in periods].index("burst")
    assert [p.sounding for p in periods].count("burst") == 1
    for part in (periods[:at], periods[at + 1 :]):
        assert {p.fault for p in part} == {""}
        assert (np.diff([p.frame for p in part]) == N).all()
        rms = np.sqrt(np.mean([p.samples**2 for p in part]))
        assert rms == pytest.approx(0.001, rel=0.03)
    before, burst, after = periods[at - 1 : at + 2]
    assert 0 <= burst.frame - (before.frame + N) < N
    assert after.frame == burst.frame + 3 * N
    assert [p.index for p in periods] == list(range(len(periods)))


def test_drift_in_minutes_of_silence_is_followed_by_the_next_burst(bench):
    """20 ppm and 4 minutes are 77 samples: a metre and a half of sound."""
    b = bench(ppm=20.0)
    b.check(first := b.burst())
    b.run(240.0, is_burst)
    b.check(second := b.burst())
    assert (second.fault, first.fault) == ("", "")
    # The recording runs slower, so that bursts come sooner in it.
    assert (second.frame - first.frame) % N == pytest.approx(N - 77, abs=1)


def test_bursts_follow_each_other_as_soon_as_one_is_written(bench):
    b = bench()
    b.check(b.burst(1, 0.5))
    periods = []
    for _ in range(100):
        b.source.probe(3, 0.5)
        periods += b.run(0.05)
    bursts = [p for p in periods if is_burst(p)]
    assert len(bursts) >= 100 // 4 - 3, "each takes 4 periods"
    for p in bursts:
        assert p.fault == ""
        b.check(p)


def test_one_at_a_time(bench):
    b = bench()
    for k in (1, 2, 3):
        b.source.probe(k, 1.0)
    assert [p.burst for p in b.run(2.0, is_burst)] == [1]
    b.source.set_muted(True)
    b.run(0.1)
    b.source.probe(1, 1.0)
    b.source.set_muted(False)
    assert b.run(2.0, is_burst) == []
    with pytest.raises(ConfigError, match="a burst of 6 periods"):
        b.source.probe(6, 1.0)


def test_the_level_that_was_set_is_the_most(bench):
    b = bench()
    b.source.set_gain(0.2)
    assert b.burst(1, 0.5).gain == 0.2
    assert b.burst(1, 0.1).gain == 0.1


def test_mute_cuts_a_burst_at_once(bench):
    b = bench()
    b.check(b.burst(5))
    b.source.probe(5, 1.0)
    before = b.run(0.35)  # 0.2 s are queued
    assert b.card.emitted[-160:].any(), "it sounds now"
    b.source.set_muted(True)
    b.card.advance(0.01)
    assert not b.card.emitted[-160:].any()
    periods = before + b.run(1.5)
    assert [(p.burst, p.fault) for p in periods if is_burst(p)] == [(5, "muted")]
    assert {p.fault for p in periods if not is_burst(p)} == {""}
    b.source.set_muted(False)
    b.run(0.1)
    b.check(b.burst(1))


@pytest.mark.parametrize("located", [True, False])
def test_a_playback_xrun_costs_the_burst_that_sounds_and_nothing_else(bench, located):
    b = bench()
    b.run(1.0)
    if located:
        b.burst(1)
    b.source.probe(5, 1.0)
    periods = b.run(0.1)
    b.card.starve(800)
    periods += b.run(1.5)
    assert [(p.burst, p.fault) for p in periods if is_burst(p)] == [(5, "playback xrun")]
    b.card.starve(1600)
    periods += b.run(0.5)
    assert {p.fault for p in periods if not is_burst(p)} == {""}
    heard = b.burst(2)
    assert heard.fault == ""
    b.check(heard)


def test_a_loss_in_the_recording_costs_one_burst_or_one_period(bench):
    b = bench()
    b.burst(1)
    b.source.probe(3, 1.0)
    periods = b.run(0.35)
    b.card.lose_recording(800)
    periods += b.run(1.0)
    assert [p.fault for p in periods if is_burst(p)] == ["capture xrun"]
    assert [p.fault for p in periods if p.fault and not is_burst(p)] == []
    b.card.lose_recording(1600)
    assert [p.fault for p in b.run(1.0) if p.fault] == ["capture xrun"]
    heard = b.burst(2)
    assert heard.fault == ""
    b.check(heard)


def test_the_continuous_form_and_bursts_take_turns(bench):
    b = bench(continuous=True)
    first = b.run(2.0)
    assert {(p.sounding, p.fault) for p in first[10:]} == {("continuous", "")}
    b.check(first[-1])
    b.source.probe(1, 1.0)
    b.source.set_continuous(False)
    assert not any(is_burst(p) for p in b.run(2.0)), "asked for while continuous"
    quiet = b.run(1.0)
    assert {(p.sounding, p.fault) for p in quiet} == {("silence", "")}
    b.check(b.burst(1))
    b.source.probe(1, 1.0)
    b.source.set_continuous(True)
    again = b.run(3.0)
    assert {(p.sounding, p.fault) for p in again[-20:]} == {("continuous", "")}
    b.check(again[-1])
    b.source.set_continuous(False)
    b.source.probe(1, 0.5)
    (heard,) = b.run(3.0, is_burst)
    assert heard.fault == ""
    b.check(heard)


@pytest.mark.parametrize("periods", [1, 3])
def test_two_loudspeakers_are_told_apart(bench, periods):
    b = bench(speakers=2)
    heard = b.burst(periods)
    assert heard.fault == ""
    b.check(heard)


def test_a_burst_that_nobody_can_hear_is_a_fault_and_the_next_is_found(bench):
    b = bench()
    b.burst(1)
    heard = b.card._heard
    b.card._heard = lambda at, speaker: np.zeros(len(at))  # type: ignore[method-assign]
    assert b.burst(1).fault == "no reference"
    b.card._heard = heard  # type: ignore[method-assign]
    again = b.burst(1)
    assert again.fault == ""
    b.check(again)


def test_a_reader_that_was_away_loses_a_burst_and_finds_the_next(bench):
    b = bench()
    b.burst(1)
    b.source.probe(2, 1.0)
    b.card.advance(10.0)
    assert not any(is_burst(p) for p in b.run(1.0))
    assert b.source.counters.dropped > 100
    again = b.burst(1)
    assert again.fault == ""
    b.check(again)
