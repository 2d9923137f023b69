"""A session says what sounded in each period, and a replay tells it."""

from types import SimpleNamespace

import numpy as np
import pytest

from edge.core.contracts import AudioPeriod
from edge.core.errors import EndOfStreamError, SessionError
from edge.sound.burst import make_burst
from edge.sound.excitation import make_excitation
from edge.sources.session.reader import load_session
from edge.sources.session.replay import open_replay
from edge.sources.session.writer import SessionWriter
from edge.tools.recording import _copy
from tests.edge.sources.session.small_session import RIG, START_NS, N, X, fill, make

EXCITATION = make_excitation(X.sample_rate_hz, X.band_hz, X.period_s, X.level_dbfs)
PERIOD_NS = 50_000_000


def heard(periods: int, gain: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two microphones (2, n) that hear a burst, the continuous form (0) or nothing (-1) 0.3
    samples late, and the loopback (n,).
    """
    if periods < 0:
        reference = np.zeros(N)
    else:
        reference = (make_burst(EXCITATION, periods) if periods else EXCITATION).samples * gain
    n = len(reference)
    k = np.arange(n // 2 + 1)
    mics = [
        np.fft.irfft(np.fft.rfft(reference) * np.exp(-2j * np.pi * k * (0.3 + direct) / n), n)
        for direct in RIG.direct_arrival_s * X.sample_rate_hz
    ]
    return np.array(mics) + rng.normal(0.0, 1e-3, (2, n)), reference


def spoken(reference: bool) -> list[AudioPeriod]:
    """As from a sound card: two silent periods, a burst of 2, silence, the continuous form, a
    faulty burst of 1 and silence.
    """
    rng, periods, start = np.random.default_rng(5), [], 0
    for kind in (-1, -1, 2, -1, 0, 1, -1):
        gain = 1.0 if kind < 0 else 0.25 if kind else 0.5
        mics, loopback = heard(kind, gain, rng)
        mics = np.round(mics * 32768) / 32768
        loopback = np.round(loopback * 32768) / 32768
        periods.append(
            AudioPeriod(
                index=len(periods),
                t_ns=START_NS + start * PERIOD_NS,
                samples=(mics if reference else mics / gain).astype(np.float32),
                reference=loopback.astype(np.float32) if reference else None,
                fault="muted" if kind == 1 else "",
                sounding="silence" if kind < 0 else "burst" if kind else "continuous",
                burst=max(kind, 0),
                gain=gain,
            )
        )
        start += 1 + max(kind, 0)
    return periods


@pytest.fixture(params=[True, False], ids=["reference", "direct"])
def recorded(request, tmp_path):
    """What a sound card gave, and the folder into which it was recorded."""
    periods = spoken(request.param)
    waiting = iter(periods)
    source = SimpleNamespace(
        audio=SimpleNamespace(read=lambda _: next(waiting)),
        frames=SimpleNamespace(read=lambda _: None),
    )
    with (
        pytest.raises(StopIteration),
        SessionWriter(
            tmp_path / "s",
            source="recorded",
            rig=RIG,
            excitation=X,
            channels=2 + request.param,
            mic_channels=(0, 1),
            reference_channel=2 if request.param else None,
            start_ns=START_NS,
        ) as writer,
    ):
        _copy(source, writer, lambda: False)
    return periods, tmp_path / "s"


def test_what_was_recorded_is_replayed(recorded):
    periods, folder = recorded
    source = open_replay(folder, realtime=False).audio
    assert not source.adjustable
    replayed = [source.read(0.0) for _ in periods]
    with pytest.raises(EndOfStreamError, match="all 10 periods are read"):
        source.read(0.0)
    for got, want in zip(replayed, periods, strict=True):
        assert (got.sounding, got.burst, got.gain) == (want.sounding, want.burst, want.gain)
        assert got.fault == want.fault
        assert got.t_ns - replayed[0].t_ns == want.t_ns - START_NS
        assert got.samples == pytest.approx(want.samples, abs=1e-6)
        if want.reference is None:
            assert got.reference is None
            delayed = want.sounding != "silence" and not want.fault
            assert got.delay_samples == pytest.approx(0.3 if delayed else 0.0, abs=0.02)
        else:
            assert np.array_equal(got.reference, want.reference)
            assert got.delay_samples == 0.0


def test_a_loop_and_real_time_keep_bursts_whole(recorded):
    periods, folder = recorded
    source = open_replay(folder, realtime=True, loop=True).audio
    kinds = [source.read(1.0).burst for _ in range(2 * len(periods))]
    assert kinds == 2 * [p.burst for p in periods]
    assert source.counters.dropped == 0


def test_a_burst_in_which_it_cannot_be_heard_has_no_reference(recorded):
    _, folder = recorded
    sound = np.load(folder / "audio.npy")
    sound[2 * N : 4 * N] = 0
    np.save(folder / "audio.npy", sound)
    source = open_replay(folder, realtime=False).audio
    faults = [source.read(0.0).fault for _ in range(7)]
    assert faults == ["", "", "no reference", "", "", "muted", ""]


def test_a_session_of_before_is_continuous(tmp_path):
    with make(tmp_path / "old") as writer:
        fill(writer)
    (tmp_path / "old" / "audio_sounding.npy").unlink()
    session = load_session(tmp_path / "old")
    assert not session.sounding.any()
    assert (session.gains == 1.0).all()
    assert open_replay(session, realtime=False).audio.read(0.0).sounding == "continuous"


@pytest.mark.parametrize(
    "rows",
    [
        [(-1, 1.0)] * 9,  # too few
        [(6, 1.0)] + [(-2, 1.0)] * 9,  # too long a burst
        [(-1, 1.0)] * 8 + [(2, 1.0), (-2, 1.0)],  # cut off
        [(-2, 1.0)] + [(-1, 1.0)] * 9,  # without a beginning
        [(2, 1.0), (-2, 1.0), (-1, 1.0)] + [(-1, 1.0)] * 7,  # interrupted
        [(0, 0.0)] * 10,
        [(0, np.nan)] * 10,
        [(np.nan, 1.0)] * 10,
        [(0.5, 1.0)] * 10,
    ],
)
def test_what_does_not_fit_is_refused(recorded, rows):
    _, folder = recorded
    np.save(folder / "audio_sounding.npy", np.array(rows, np.float32))
    with pytest.raises(SessionError, match=r"audio_sounding\.npy: does not say of each of 10"):
        load_session(folder)


def test_the_length_is_checked(tmp_path):
    with make(tmp_path / "s") as writer, pytest.raises(Exception, match=r"int16 \(2400, 3\)"):
        writer.add_period(np.zeros((N, 3), np.int16), START_NS, "", "burst", 2)
