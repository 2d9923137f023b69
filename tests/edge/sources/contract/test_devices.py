"""One contract, two sources: one recording through a sound card and a session."""

import sys
import threading
import time

import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import AudioConfig
from edge.core.errors import DeviceError, EndOfStreamError, PosekernelError
from edge.sources.alsa.source import AlsaAudio, list_devices
from edge.sources.session.replay import open_replay
from tests.edge.sources.contract.audio_sources import (
    EXCITATION,
    LATENCY,
    PERIODS,
    RATE,
    REFERENCE,
    RIG,
    N,
    X,
    delayed,
    recording,
)
from tests.support.waiting import LIMIT_S


def alsa_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("alsa-")]


def test_periods_are_whole_in_order_and_cut_on_the_excitation(sources):
    opened = sources.open()
    good = [opened.read_until_good(), *opened.read(8)]
    assert [p.fault for p in good] == [""] * 9
    assert [p.index - good[0].index for p in good] == list(range(9))
    positions = [opened.position(p) for p in good]
    assert (np.diff(positions) == N).all()
    assert positions[0] % N == (137 if sources.kind == "alsa" else 0), (
        "excitation's sample 0 is not at sample 0"
    )
    for p in good:
        assert p.samples.shape == (2, N)
        assert p.samples.dtype == np.float32
        if sources.reference:
            assert p.reference is not None
            assert p.reference.shape == (N,)
            assert np.corrcoef(p.reference, delayed(0.3))[0, 1] > 0.999
            assert p.delay_samples == 0.0
        else:
            assert p.reference is None
            assert p.delay_samples == pytest.approx(0.3, abs=0.01)


def test_times_grow_with_the_rate_and_are_the_monotonic_clock(source):
    opened = source.open()
    opened.read_until_good()
    times = []
    for _ in range(12):
        times.append(opened.read(1)[0].t_ns)
        late_s = (time.monotonic_ns() - times[-1]) / 1e9 - X.period_s
        assert -0.002 < late_s < LIMIT_S
    assert min(np.diff(times)) > 0
    assert np.median(np.diff(times)) / 1e9 == pytest.approx(X.period_s, abs=0.002)
    assert (times[-1] - times[0]) / 1e9 > 11 * X.period_s - 0.02


@pytest.mark.parametrize(
    ("change", "found", "needed"),
    [({"channels": 6}, "4 channels", "6"), ({"playback_channels": 1}, "2 channels", "1")],
    ids=["capture", "playback"],
)
def test_another_channel_count_is_refused(source, change, found, needed):
    source.need_card("its channels are checked in test_session_reader.py")
    with pytest.raises(DeviceError, match=rf"gives {found}, but {needed} is needed: set audio\."):
        source.open(audio=replace(source.audio, **change))


def test_another_rate_is_refused(source):
    source.need_card("its rate is checked in test_session_reader.py")
    card = source.alsa_card(recording(0.0), 48000, playback_channels=2)
    with pytest.raises(
        DeviceError, match=r"gives 48000 Hz, but 16000 is needed: set excitation.sample_rate_hz"
    ):
        AlsaAudio(
            replace(source.audio, capture=card.capture, playback=card.playback), EXCITATION, RIG
        )


def test_an_absent_device_is_one_clear_sentence(source, tmp_path):
    if source.kind == "replay":
        with pytest.raises(PosekernelError, match="nowhere: no such folder"):
            open_replay(tmp_path / "nowhere", realtime=True)
        return
    card = source.alsa_card(recording(0.0), RATE)
    assert card.capture in list_devices()
    with pytest.raises(
        DeviceError,
        match=r"'nowhere' cannot be opened .* sound cards here: .*; set .* `arecord -L`",
    ):
        AlsaAudio(replace(source.audio, capture="nowhere"), EXCITATION, RIG)


def test_close_is_repeatable(source):
    opened = source.open()
    opened.read(2)
    opened.source.close()
    opened.source.close()
    with pytest.raises((DeviceError, EndOfStreamError)):
        opened.source.read(0.1)


def test_mute_silences_and_unmute_brings_the_sound_back(source):
    source.need_card("set_muted does nothing to a recording")
    opened = source.open(loopback=REFERENCE)
    opened.read_until_good()
    opened.source.set_muted(True)
    opened.wait_written()
    before = len(opened.card.played())
    opened.read_until("silence")
    muted = opened.read(6)
    assert {(p.sounding, p.fault) for p in muted} == {("silence", "")}
    assert not any(np.any(p.reference) for p in muted)
    assert not opened.card.played()[before:].any()
    opened.source.set_muted(False)
    opened.read_until("continuous")
    good = opened.read_until_good()
    assert np.corrcoef(good.reference, EXCITATION.samples)[0, 1] > 0.999


def test_a_lower_level_is_played_and_leaves_the_responses_as_they_were(sources):
    sources.need_card("set_gain does nothing to a recording")
    opened = sources.open(**({"loopback": REFERENCE} if sources.reference else {}))
    before = opened.read_until_good()
    opened.source.set_gain(0.1)
    opened.wait_written()
    opened.read(3)
    at = len(opened.card.played())
    after = opened.read_until_good()
    opened.read(4)
    loudest = np.abs(opened.card.played()[at:].astype(int)).max()
    assert loudest == pytest.approx(0.1 * 32767 * np.abs(EXCITATION.samples).max(), rel=0.01)
    if sources.reference:
        # The microphones of this card hear a recording; what they hear is divided by the reference.
        ratio = np.abs(after.reference).max() / np.abs(before.reference).max()
        assert ratio == pytest.approx(0.1, rel=0.02)
    else:
        assert np.abs(after.samples).max() == pytest.approx(
            10 * np.abs(before.samples).max(), rel=0.01
        )


def test_probes_can_be_asked_for_where_a_loudspeaker_plays(source):
    opened = source.open(loopback=REFERENCE) if source.kind == "alsa" else source.open()
    assert opened.source.adjustable == (source.kind == "alsa")
    assert opened.read_until_good().sounding == "continuous"
    opened.source.probe(2, 0.5)
    opened.source.set_continuous(False)
    assert "burst" not in {p.sounding for p in opened.read(12)}, "it was continuous"
    if source.kind == "replay":
        assert opened.read(1)[0].sounding == "continuous", "it is what it was"
        return
    opened.read_until("silence")
    opened.source.probe(2, 0.5)
    burst = opened.read_until("burst")
    assert (burst.burst, burst.gain, burst.fault) == (2, 0.5, "")
    assert burst.samples.shape == (2, 3 * N)
    assert opened.read(1)[0].sounding == "silence"
    opened.source.set_continuous(True)
    opened.read_until("continuous")
    assert not opened.read_until_good().fault


def test_it_opens_muted(source):
    source.need_card("nothing is played")
    card = source.alsa_card(recording(LATENCY), RATE, playback_channels=2, loopback=REFERENCE)
    config = replace(source.audio, capture=card.capture, playback=card.playback)
    audio = AlsaAudio(config, EXCITATION, RIG, muted=True)
    source.opened.append(audio)
    for _ in range(6):
        assert audio.read(LIMIT_S) is not None
    assert len(card.played()) > N
    assert not card.played().any()


def test_playback_has_no_gap_and_starts_softly(source):
    source.need_card("nothing is played")
    opened = source.open()
    opened.read(12)
    opened.source.close()
    played = opened.card.played()
    whole = len(played) // N
    assert whole >= 10
    want = np.round(np.tile(EXCITATION.samples, whole) * 32767)
    assert np.array_equal(played[N : whole * N, 0], want[N:])
    assert np.array_equal(played[:, 0], played[:, 1]), "one speaker sounds on both channels"
    ramp = np.arange(N) / N
    assert played[:N, 0] == pytest.approx(want[:N] * ramp, abs=1.0)


def test_32_bit_samples_mean_the_same(source):
    source.need_card("sessions hold 16 bit")
    opened = source.open(audio=replace(source.audio, format="S32_LE"))
    assert opened.position(opened.read_until_good()) % N == 137


def test_a_finite_source_ends(source):
    if source.kind == "alsa":
        pytest.skip("alsa: a sound card never ends")
    opened = source.open(loop=False)
    early = opened.source.read(0.0)
    assert early is None or early.t_ns <= time.monotonic_ns(), "nothing comes before its time"
    fast = open_replay(source.folder / "session", realtime=False).audio
    for k in range(PERIODS):
        assert fast.read(0.0).index == k
    with pytest.raises(EndOfStreamError, match="all 60 periods are read"):
        fast.read(0.0)


def test_without_pyalsaaudio_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "alsaaudio", None)
    with pytest.raises(DeviceError, match=r"pip install 'posekernel\[alsa\]'"):
        AlsaAudio(AudioConfig(), EXCITATION, RIG)
    with pytest.raises(DeviceError, match="libasound2-dev"):
        list_devices()
