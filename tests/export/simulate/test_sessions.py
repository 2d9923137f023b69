"""Simulated sessions: edge's own front end measures what was simulated."""

import json

import numpy as np
import pytest

from edge.core.config import ExcitationConfig
from edge.core.errors import SessionError
from edge.core.rig import Camera, Rig
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import Excitation, band_window, make_excitation
from edge.sources.session.reader import load_session
from export.__main__ import main
from export.acoustics.capsules import body_surface
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import body_response, empty_response
from export.simulate.electronics import (
    RESPEAKER_USB_V2,
    ChannelLayout,
    Electronics,
    Recorder,
    noise_for_sir,
    random_response,
)
from export.simulate.recording import RecordingConditions, known
from export.simulate.sessions import RESPEAKER_USB_V2_MICS, array_rig, simulate_session
from tests.support.bodies import CAMERA, standing

pytestmark = pytest.mark.export

CONFIG = ExcitationConfig()
SIGNAL = make_excitation(CONFIG.sample_rate_hz, CONFIG.band_hz, CONFIG.period_s, CONFIG.level_dbfs)
GRID = PeriodGrid(16000, 1600, CONFIG.band_hz)
SMALL = Camera(64, 48, 52.0, 52.0, 32.0, 24.0, height_m=1.2, tilt_deg=10.0)
VIDEO = "tests/data/video"


def flat_electronics(excitation: Excitation, speakers: int, mics: int) -> Electronics:
    """Gain 1 at all frequencies, no delay, no noise."""
    bins = excitation.period_samples // 2 + 1
    return Electronics(np.ones((speakers, bins), np.complex64), np.ones((mics, bins), np.complex64))


def arrivals(paths_m, c=343.4):
    """Spectra (S, M, F) of one path of unit gain each, paths_m (S, M)."""
    return np.exp(-2j * np.pi * GRID.frequencies_hz * np.asarray(paths_m)[..., None] / c).astype(
        np.complex64
    )


def microphones(raw, layout):
    return (raw[:, list(layout.mic_channels)].T / 32768).astype(np.float32)


def four_mics(camera=CAMERA):
    return array_rig(camera, RESPEAKER_USB_V2_MICS, np.array([0.1, 0.0]), 20.0)


@pytest.mark.parametrize("use_reference", [True, False])
def test_the_front_end_gives_back_the_response_that_was_put_in(use_reference):
    rig = four_mics()
    response = 0.3 * arrivals([[1.0, 1.5, 2.2, 3.1]])
    flat = flat_electronics(SIGNAL, 1, 4)
    electronics = Electronics(
        flat.speaker_response, flat.mic_response, gain=1.0, delay_samples=2.37
    )
    raw = Recorder(SIGNAL, RESPEAKER_USB_V2, electronics, np.random.default_rng(0)).period(response)
    assert raw.dtype == np.int16
    assert raw.shape == (1600, 6)
    reference = (raw[:, 5] / 32768).astype(np.float32) if use_reference else None
    got = Deconvolver(SIGNAL, rig)(microphones(raw, RESPEAKER_USB_V2), reference, 2.37)
    window = band_window(GRID.frequencies_hz, CONFIG.band_hz)
    pulse = np.zeros((4, 1600), complex)
    pulse[:, :801] = 1600 * window / window.sum() * response[0]
    expected = np.fft.ifft(pulse)[:, : got.shape[1]]
    assert (
        np.abs(got - expected).max() < 10 ** (-45 / 20) * np.abs(expected).max()
    )  # 16 bits at -20 dBFS: -50 dB or better


def test_two_speakers_are_separated_by_their_lag():
    mics = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    rig = Rig(
        mics + np.array([0.0, 0.1, 0.0]), mics, np.array([[0, 0], [1, 1], [0, 1]]), CAMERA, 343.4
    )
    paths = np.array([[1.0, 2.0], [3.0, 4.0]])
    layout = ChannelLayout(2, (0, 1))
    raw = Recorder(SIGNAL, layout, flat_electronics(SIGNAL, 2, 2), np.random.default_rng(0)).period(
        0.3 * arrivals(paths)
    )
    h = np.abs(Deconvolver(SIGNAL, rig, 0.03)(microphones(raw, layout)))
    for row, (s, m) in zip(h, rig.pairs, strict=True):
        assert np.argmax(row) / 16000 * 343.4 == pytest.approx(paths[s, m], abs=0.02)


def test_noise_level_gives_the_asked_signal_to_interference():
    rig, joints = four_mics(), standing()
    known = joints[np.isfinite(joints[:, 0])]
    room = random_room(
        np.random.default_rng(0),
        CAMERA.room_rotation,
        1.2,
        np.concatenate([rig.speakers, rig.mics, known]),
    )
    body = body_surface(joints, GRID.patch_spacing_m(343.4), np.random.default_rng(0))
    k = body_response(room, body, rig.speakers, rig.mics, GRID, 343.4, order=1)
    first = float(rig.arrival_s(known).min())
    noise = noise_for_sir(SIGNAL, k[0], first, 10.0)
    flat = flat_electronics(SIGNAL, 1, 4)
    layout = ChannelLayout(4, (0, 1, 2, 3))
    gate = slice(int((first - 2 * 0.3 / 343) * 16000), int((first + 2 * 0.7 / 343) * 16000))
    front_end, powers = Deconvolver(SIGNAL, rig), []
    for level, response in ((0.0, k), (noise, 0 * k)):
        e = Electronics(flat.speaker_response, flat.mic_response, gain=20.0, noise_rms=20.0 * level)
        recorder = Recorder(SIGNAL, layout, e, np.random.default_rng(1))
        h = [front_end(microphones(recorder.period(response), layout))[:, gate] for _ in range(10)]
        powers.append(np.mean(np.abs(h) ** 2))
    assert 10 * np.log10(powers[0] / powers[1]) == pytest.approx(10.0, abs=1.5)


def test_transducers_are_minimum_phase_and_wander_as_asked():
    f = GRID.frequencies_hz
    h = np.stack([random_response(np.random.default_rng(s), f, 2.0) for s in range(40)])
    level = 20 * np.log10(np.abs(h))
    assert level.std() == pytest.approx(2.0, rel=0.35)
    pulse = np.fft.irfft(h, axis=1)
    energy = np.cumsum(pulse[:, :800] ** 2, axis=1)[:, 100] / (pulse**2).sum(axis=1)
    assert (energy > 0.95).all()  # nothing before time 0, which would wrap to the end


def test_clock_skew_moves_arrivals_period_by_period():
    flat = flat_electronics(SIGNAL, 1, 4)
    e = Electronics(flat.speaker_response, flat.mic_response, skew_ppm=20.0)
    recorder = Recorder(SIGNAL, RESPEAKER_USB_V2, e, np.random.default_rng(0))
    response = 0.3 * arrivals([[1.0, 1.5, 2.2, 3.1]])
    phases = []
    for index in (0, 100):
        y = np.fft.rfft(recorder.period(response, index)[:, 1].astype(float))
        phases.append(y[400])  # 4 kHz
    delay = -np.angle(phases[1] / phases[0]) / (2 * np.pi * 4000.0)
    period = 1 / 4000.0
    assert (delay - 20e-6 * 10.0 + period / 2) % period - period / 2 == pytest.approx(0.0, abs=2e-7)


def test_the_array_stands_upright_below_a_tilted_camera():
    rig = array_rig(SMALL, RESPEAKER_USB_V2_MICS, np.array([0.1, 0.0]), 20.0)
    room = SMALL.to_room(np.concatenate([rig.speakers, rig.mics]))
    assert np.abs(room[:, 1]).max() < 1e-9
    assert room[0] == pytest.approx([0.1, 0.0, 1.14])
    assert room[2] == pytest.approx([0.0, 0.0, 1.14 + 0.032])  # y = -32 mm is up


def make_session(path, seed=0, second=None, **options):
    """One person, and from the second pose on another one at a place."""
    rig = array_rig(SMALL, RESPEAKER_USB_V2_MICS, np.array([0.1, 0.0]), 21.0)
    joints = SMALL.from_room(CAMERA.to_room(standing(position=(0.2, 3.0))))
    poses = np.stack([joints, joints + np.array([0.02, 0.0, 0.0])])[:, None]
    if second is not None:
        other = SMALL.from_room(CAMERA.to_room(standing(position=second)))
        poses = np.stack([poses[:, 0], np.stack([np.full_like(other, np.nan), other])], axis=1)
    frames = [np.full((48, 64, 3), 30 * i, np.uint8) for i in range(2)]
    room = simulate_session(
        path, rig, CONFIG, RESPEAKER_USB_V2, poses, frames, seed=seed, empty_s=0.5, **options
    )
    return rig, poses, room


def test_a_session_loads_and_repeats_with_its_seed(tmp_path):
    _, poses, _ = make_session(tmp_path / "a")
    make_session(tmp_path / "b")
    make_session(tmp_path / "c", seed=1)
    a, b, c = (load_session(tmp_path / n) for n in "abc")
    assert a.source == "simulated"
    assert a.periods == 7
    assert a.empty_until_s == pytest.approx(0.5)
    assert a.mic_channels == (1, 2, 3, 4)
    assert a.reference_channel == 5
    assert a.truth is not None
    assert np.allclose(a.truth.joints, poses, equal_nan=True)
    assert a.truth.t_ns.tolist() == [550_000_000, 650_000_000]
    assert np.array_equal(a.audio, b.audio)
    assert not np.array_equal(a.audio, c.audio)
    assert 0.2 < np.abs(a.audio[:, 1:5]).max() / 32768 < 0.5


def test_a_body_appears_after_the_empty_periods_where_it_is(tmp_path):
    rig, poses, _ = make_session(
        tmp_path / "a", conditions=RecordingConditions(sir_db=25.0, position_error_m=0.0)
    )
    session = load_session(tmp_path / "a")
    front_end = Deconvolver(session.excitation, rig)
    h = []
    for i in range(session.periods):
        raw = session.audio[i * 1600 : (i + 1) * 1600]
        h.append(front_end(microphones(raw, session), (raw[:, 5] / 32768).astype(np.float32)))
    h0 = np.mean(h[:5], axis=0)
    left, k = np.abs(h[4] - h0), np.abs(h[5] - h0)
    first = rig.arrival_s(known(poses[0])).min() - 2 * 0.1 / 343
    start = int(first * 16000)
    before, after = slice(int(0.003 * 16000), start - 12), slice(start, start + 80)
    assert (k[:, after] ** 2).mean() > 10 * (k[:, before] ** 2).mean()
    assert (k[:, after] ** 2).mean() > 10 * (left[:, after] ** 2).mean()


def test_a_second_person_is_heard_at_their_own_distance(tmp_path):
    """What the second adds begins where their nearest point is, 1.5 m behind the first."""
    quiet = RecordingConditions(sir_db=40.0, position_error_m=0.0, air_jitter_s=0.0)
    corners = SMALL.from_room(np.array([[-2.0, 0.0, 0.1], [2.0, 5.5, 2.0], [0.0, 0.0, 1.2]]))
    room = random_room(np.random.default_rng(0), SMALL.room_rotation, 1.2, corners)
    heard = {}
    for name, second in (("one", None), ("two", (-0.5, 4.5))):
        rig, poses, _ = make_session(tmp_path / name, second=second, conditions=quiet, room=room)
        session = load_session(tmp_path / name)
        assert session.truth is not None
        assert session.truth.joints.shape == poses.shape
        front_end = Deconvolver(session.excitation, rig)
        raw = session.audio[6 * 1600 :]
        heard[name] = front_end(microphones(raw, session), (raw[:, 5] / 32768).astype(np.float32))
    added = np.abs(heard["two"] - heard["one"])
    start = int((rig.arrival_s(known(poses[1, 1])).min() - 2 * 0.1 / 343) * 16000)
    before, after = slice(int(0.008 * 16000), start - 12), slice(start, start + 80)
    assert (added[:, after] ** 2).mean() > 20 * (added[:, before] ** 2).mean()


def test_the_empty_room_is_above_the_echo_as_measured():
    """METHOD: the room 21-31 dB above the echo, the direct sound 50-66 dB."""
    rig = four_mics()
    clutter, direct = [], []
    for seed in range(6):
        rng, joints = np.random.default_rng(seed), standing(position=(0.3, 2.5 + 0.3 * seed))
        known = joints[np.isfinite(joints[:, 0])]
        room = random_room(
            rng, CAMERA.room_rotation, 1.2, np.concatenate([rig.speakers, rig.mics, known])
        )
        h0 = np.abs(GRID.response(empty_response(room, rig.speakers, rig.mics, GRID, 343.4))[0])
        body = body_surface(joints, GRID.patch_spacing_m(343.4), rng)
        k = np.abs(
            GRID.response(body_response(room, body, rig.speakers, rig.mics, GRID, 343.4, order=0))[
                0
            ]
        )
        first = int((rig.arrival_s(known).min() - 0.002) * 16000)
        gate = slice(first, first + 80)
        echo = np.sqrt((k[:, gate] ** 2).mean())
        clutter.append(20 * np.log10(np.sqrt((h0[:, gate] ** 2).mean()) / echo))
        direct.append(20 * np.log10(h0[:, :20].max() / echo))
    assert 14 < np.median(clutter) < 33
    assert 45 < np.median(direct) < 70


@pytest.mark.parametrize("camera", [1, 4])
def test_the_command_writes_a_session_of_a_camera(tmp_path, camera, capsys):
    out = tmp_path / "s"
    assert (
        main(
            [
                "session",
                "--video",
                VIDEO,
                "--camera",
                str(camera),
                "--out",
                str(out),
                "--empty",
                "0.2",
            ]
        )
        == 0
    )
    session = load_session(out)
    assert session.periods == 52
    assert session.truth is not None
    assert (session.rig.camera.width, session.rig.camera.height) in {(540, 960), (540, 952)}
    distance = np.linalg.norm(session.truth.joints[:, 0, 8], axis=1)
    assert 2.8 < distance.min() < distance.max() < 4.3
    uv = session.rig.camera.project(session.truth.joints[:, 0, 8])
    assert ((uv > 0) & (uv < [540, 960])).all()
    assert json.loads((out / "session.json").read_text())["source"] == "simulated"


def test_mistakes_are_one_sentence(tmp_path, capsys):
    assert main(["session", "--video", str(tmp_path), "--out", str(tmp_path / "s")]) == 2
    assert "cannot be opened as a video" in capsys.readouterr().err
    with pytest.raises(SessionError, match="poses have shape"):
        simulate_session(
            tmp_path, four_mics(), CONFIG, RESPEAKER_USB_V2, np.zeros((2, 1, 15, 3)), [], seed=0
        )
    with pytest.raises(ValueError, match="channel of their own"):
        ChannelLayout(4, (0, 1, 2, 3), 3)
