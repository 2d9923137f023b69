"""Sources that lose sound: xruns, gaps, devices that go, readers that are slow."""

import time

import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.contracts import AudioPeriod
from edge.sources.alsa import duplex
from edge.sources.alsa.source import AlsaAudio
from tests.edge.sources.contract.audio_sources import (
    EXCITATION,
    LATENCY,
    PERIODS,
    RATE,
    REFERENCE,
    RIG,
    N,
    Opened,
    X,
    recording,
)
from tests.support.waiting import LIMIT_S, until


def test_an_xrun_costs_at_most_two_periods_and_is_counted(sources):
    opened = sources.open(xrun_at=round(20.4 * N))
    first = opened.read_until_good()
    periods = opened.read(24)
    faults = [p.fault for p in periods if p.fault]
    assert "capture xrun" in faults
    assert len(faults) <= 2
    if sources.kind == "alsa":
        assert opened.source.counters.xruns == 1
    good = [p for p in periods if not p.fault]
    for p in good:
        assert (opened.position(p) - opened.position(first)) % N == 0
    # Beside what the card itself lost, its buffer at most, two periods of sound may be missing.
    apart = opened.position(good[-1]) - opened.position(first)
    lost = (apart - (good[-1].index - first.index) * N) % (PERIODS * N)
    assert lost <= 2 * N + sources.audio.alsa_period_frames * sources.audio.alsa_periods


def holds_silence(period: AudioPeriod) -> bool:
    """Whether nothing was played for 1 ms."""
    sounds = np.flatnonzero(np.concatenate([[1.0], period.reference, [1.0]]))
    return bool(np.diff(sounds).max() > RATE // 1000)


def test_a_playback_xrun_costs_at_most_one_good_period(source):
    source.need_card("nothing is played")
    opened = source.open(playback_xrun_at=round(12.4 * N), loopback=REFERENCE)
    opened.read_until_good()
    periods = opened.read(24)
    assert opened.source.counters.xruns == 1
    faults = [p.fault for p in periods if p.fault]
    assert "playback xrun" in faults
    # Beside those that hold the silence itself, which is longer on a machine that has much to do.
    assert len(faults) <= 1 + sum(holds_silence(p) for p in periods)
    for p in periods:
        if not p.fault:
            assert np.corrcoef(p.reference, EXCITATION.samples)[0, 1] > 0.99


def test_frames_lost_without_notice_are_a_gap(sources):
    sources.need_card("a session is cut on the excitation already")
    heard = recording(LATENCY)
    lossy = np.delete(heard, np.arange(10 * N + 200, 10 * N + 230), axis=0)
    card = sources.alsa_card(lossy, RATE, playback_channels=2)
    config = replace(sources.audio, capture=card.capture, playback=card.playback)
    opened = Opened(AlsaAudio(config, EXCITATION, RIG), lossy, card)
    sources.opened.append(opened.source)
    opened.read_until_good()
    periods = opened.read(20)
    assert [p.fault for p in periods if p.fault] == ["gap"]
    assert opened.source.counters.gaps == 1
    assert opened.position(periods[-1]) % N == 107


def test_a_lost_device_is_opened_again(sources):
    sources.need_card("a file cannot be unplugged")
    opened = sources.open()
    opened.read_until_good()
    opened.card.unplug()
    assert until(lambda: opened.source.counters.last_error)
    while opened.source.read(0.1) is not None:
        pass
    assert "No such device" in opened.source.counters.last_error
    assert opened.source.read(0.1) is None
    opened.card.plug()
    back = opened.read(1)[0]
    assert back.fault == "reopened"
    good = opened.read_until_good(4)
    assert opened.position(good) % N == 137
    assert opened.source.counters.reopened == 1


def test_loss_at_a_frame_is_survived(source):
    source.need_card("a file cannot be unplugged")
    opened = source.open(lost_at=round(14.5 * N))
    periods = opened.read(30)
    assert opened.source.counters.reopened == 1
    assert [p.fault for p in periods].count("reopened") == 1
    assert not any(p.fault for p in periods[-5:])


def test_a_stream_that_ends_without_an_error_is_opened_again(source):
    """No frame comes and nothing fails, as without interrupts; closing must be quick."""
    source.need_card("a file does not get stuck")
    opened = source.open()
    opened.read_until_good()
    with opened.card.faulty("stuck"):
        assert until(lambda: [opened.source.read(0.1)] and opened.source.counters.reopened)
        assert "gave no sound for 2 s, and no error" in opened.source.counters.last_error
    assert not opened.read_until_good(30).fault
    with opened.card.faulty("stuck"):
        opened.source.close()
        assert until(lambda: not opened.source._duplex._thread.is_alive())


def test_close_while_the_device_is_lost_does_not_wait_for_the_next_try(source, monkeypatch):
    source.need_card("a file cannot be unplugged")
    monkeypatch.setattr(duplex, "_BACK_OFF_S", (2.0 * LIMIT_S, 2.0 * LIMIT_S))
    opened = source.open()
    opened.read(1)
    opened.card.unplug()
    assert until(lambda: opened.source.counters.last_error)
    opened.source.close()
    assert until(lambda: not opened.source._duplex._thread.is_alive())


def test_without_the_excitation_periods_come_in_time_with_a_fault(sources):
    opened = sources.open(silent=True)
    periods = opened.read(8)
    assert {p.fault for p in periods} == {"no reference"}
    assert np.median(np.diff([p.t_ns for p in periods])) / 1e9 == pytest.approx(
        X.period_s, abs=0.002
    )


def test_a_slow_reader_loses_the_oldest_and_it_is_counted(source):
    opened = source.open()
    opened.read_until_good()
    time.sleep(4.0)  # twice what is kept
    period = opened.read(1)[0]
    assert opened.source.counters.dropped >= 5
    assert period.index >= opened.source.counters.dropped
    assert not opened.read_until_good(3).fault
