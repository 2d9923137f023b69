"""One contract, two sources: one recording through a sound card and a session."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import AudioConfig, ExcitationConfig
from edge.core.contracts import AudioPeriod, AudioSource
from edge.core.errors import DeviceError, EndOfStreamError, PosekernelError
from edge.core.rig import Camera, Rig
from edge.sound.excitation import make_excitation
from edge.sources.alsa import duplex
from edge.sources.alsa.source import AlsaAudio, list_devices
from edge.sources.session.replay import open_replay
from edge.sources.session.writer import SessionWriter
from tests.support.alsa_device import AlsaTestDevice
from tests.support.waiting import LIMIT_S, until

RATE, LEVEL, BAND = 16000, -12.0, (2000.0, 7500.0)
X = ExcitationConfig(sample_rate_hz=RATE, band_hz=BAND, period_s=0.05, level_dbfs=LEVEL)
N = X.period_samples
EXCITATION = make_excitation(RATE, BAND, X.period_s, LEVEL)
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
    speed_of_sound_m_s=343.0,
)
CHANNELS, MICS, REFERENCE = 4, (1, 2), 3
LATENCY = 137.3
PERIODS = 60


def delayed(samples: float) -> np.ndarray:
    """The excitation, circularly delayed by a fraction of samples."""
    k = np.arange(N // 2 + 1)
    return np.fft.irfft(
        np.fft.rfft(EXCITATION.samples.astype(float)) * np.exp(-2j * np.pi * k * samples / N), N
    )


def recording(latency: float, *, silent: bool = False) -> np.ndarray:
    """(PERIODS * N, CHANNELS) int16: direct sound and reference after `latency` samples, and noise
    that tells periods apart.
    """
    out = np.random.default_rng(1).normal(0.0, 3.0, (PERIODS * N, CHANNELS))
    if not silent:
        for pair, channel in enumerate(MICS):
            out[:, channel] += 8000 * np.tile(
                delayed(latency + RIG.direct_arrival_s[pair] * RATE), PERIODS
            )
        out[:, REFERENCE] += 32768 * np.tile(delayed(latency), PERIODS)
    return np.round(out).astype(np.int16)


@dataclass
class Opened:
    source: AudioSource
    heard: np.ndarray
    card: AlsaTestDevice | None

    def read(self, count: int) -> list[AudioPeriod]:
        periods = []
        for _ in range(count):
            period = self.source.read(LIMIT_S)
            assert period is not None, f"no period: {self.source.counters}"
            periods.append(period)
        return periods

    def read_until_good(self, limit: int = 40) -> AudioPeriod:
        for _ in range(limit):
            if not (period := self.read(1)[0]).fault:
                return period
        raise AssertionError(f"no good period among {limit}: {self.source.counters}")

    def read_until(self, sounding: str, limit: int = 100) -> AudioPeriod:
        for _ in range(limit):
            if (period := self.read(1)[0]).sounding == sounding:
                return period
        raise AssertionError(f"no {sounding} among {limit} periods: {self.source.counters}")

    def wait_written(self) -> None:
        """Wait for a write to the loudspeaker that was prepared after this call."""
        for _ in range(2):  # the first may have been prepared before
            before = len(self.card.played())
            assert until(lambda n=before: len(self.card.played()) > n)

    def position(self, period: AudioPeriod) -> int:
        """First frame of the period in what was put in; the samples must be there bit by bit."""
        want = np.round(period.samples[0] * 32768).astype(np.int16)
        for at in np.flatnonzero(self.heard[: 1 - N, MICS[0]] == want[0]):
            if np.array_equal(self.heard[at : at + N, MICS].T, np.round(period.samples * 32768)):
                return int(at)
        raise AssertionError(f"period {period.index} is not in the recording")


class Sources:
    """Opens the same recording as either kind of source."""

    def __init__(
        self, kind: str, folder: Path, alsa_card: Callable[..., AlsaTestDevice], reference: bool
    ):
        self.kind, self.folder, self.alsa_card, self.reference = kind, folder, alsa_card, reference
        self.opened: list[AudioSource] = []
        self.audio = AudioConfig(
            channels=CHANNELS,
            mic_channels=MICS,
            reference_channel=REFERENCE if reference else -1,
            playback_channels=2,
            alsa_period_frames=160,
            alsa_periods=40,
        )

    def open(
        self,
        *,
        xrun_at: int = 0,
        silent: bool = False,
        audio: AudioConfig | None = None,
        loop: bool = True,
        **card: int,
    ) -> Opened:
        if self.kind == "replay":
            opened = self._open_session(xrun_at, silent, loop)
        else:
            heard = recording(LATENCY, silent=silent)
            device = self.alsa_card(
                heard, RATE, playback_channels=2, xrun_at=xrun_at, loop=loop, **card
            )
            config = replace(audio or self.audio, capture=device.capture, playback=device.playback)
            opened = Opened(
                AlsaAudio(config, EXCITATION, RIG), np.concatenate([heard, heard[:N]]), device
            )
        self.opened.append(opened.source)
        return opened

    def _open_session(self, xrun_at: int, silent: bool, loop: bool) -> Opened:
        heard = recording(LATENCY - round(LATENCY), silent=silent)
        with SessionWriter(
            self.folder / "session",
            source="simulated",
            rig=RIG,
            excitation=X,
            channels=CHANNELS,
            mic_channels=MICS,
            reference_channel=REFERENCE if self.reference else None,
        ) as writer:
            for k in range(PERIODS):
                fault = "capture xrun" if xrun_at and k == xrun_at // N else ""
                writer.add_period(heard[k * N : (k + 1) * N], k * N * 1_000_000_000 // RATE, fault)
        return Opened(
            open_replay(self.folder / "session", realtime=True, loop=loop).audio, heard, None
        )

    def need_card(self, why: str) -> None:
        if self.kind == "replay":
            pytest.skip(f"replay: {why}")


@pytest.fixture(params=["alsa", "replay"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[True, False], ids=["reference", "direct"])
def sources(kind, request, tmp_path, alsa_card):
    made = Sources(kind, tmp_path, alsa_card, request.param)
    yield made
    for source in made.opened:
        source.close()


@pytest.fixture
def source(kind, tmp_path, alsa_card):
    """Only with a reference channel, for what does not depend on it."""
    made = Sources(kind, tmp_path, alsa_card, True)
    yield made
    for opened in made.opened:
        opened.close()


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


def test_a_slow_reader_loses_the_oldest_and_it_is_counted(source):
    opened = source.open()
    opened.read_until_good()
    time.sleep(4.0)  # twice what is kept
    period = opened.read(1)[0]
    assert opened.source.counters.dropped >= 5
    assert period.index >= opened.source.counters.dropped
    assert not opened.read_until_good(3).fault


def test_without_pyalsaaudio_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "alsaaudio", None)
    with pytest.raises(DeviceError, match=r"pip install 'posekernel\[alsa\]'"):
        AlsaAudio(AudioConfig(), EXCITATION, RIG)
    with pytest.raises(DeviceError, match="libasound2-dev"):
        list_devices()
