"""dB(A) at 1 m of loudspeakers whose loudness is known, and when it cannot be known."""

import dataclasses

import numpy as np
import pytest

from edge.core.calibration_file import LoudnessPart
from edge.core.contracts import ChannelMap
from edge.core.profiles import load_array
from edge.core.rig import Camera, Rig
from edge.sound.excitation import make_excitation
from edge.sound.loudness import Loudness
from edge.tools.calibration.loudness.direct_level import measure_direct
from edge.tools.calibration.loudness.evidence import surer
from edge.tools.calibration.loudness.judge import (
    LoudnessEvidence,
    aside,
    judge_loudness,
    unknown_because,
)
from edge.tools.calibration.takes import SoundTake

RATE, N = 16_000, 1600
PROFILE = load_array("respeaker-usb-v2")
EXCITATION = make_excitation(RATE, (2000.0, 7500.0), 0.1, -20.0)
# dB SPL at 1 m of a full-scale sine.
TRUE_DB = 84.0
MICS = np.array([[-0.032, 0.06, 0.0], [0.0, 0.028, 0.0], [0.032, 0.06, 0.0], [0.0, 0.092, 0.0]])


def take(
    speaker=(0.0, 0.06, 0.5),
    *,
    noise_dba: float = 35.0,
    reflection: float = 0.0,
    capture_db: float = 0.0,
    limit: float = 1.0,
    periods: int = 30,
) -> SoundTake:
    """What the array records of a loudspeaker that sends the same everywhere. reflection: share of
    a second path, 5 m longer. capture_db: gain of the sound card.
    """
    rng = np.random.default_rng(3)
    camera = Camera(640, 480, 500.0, 500.0, 320.0, 240.0)
    pairs = np.stack([np.zeros(4, np.int64), np.arange(4)], axis=1)
    rig = Rig(np.array([speaker]), MICS, pairs, camera, 343.0)
    f, spectrum = np.fft.rfftfreq(N, 1 / RATE), np.fft.rfft(EXCITATION.samples.astype(float))
    # 94 dB SPL peak at -26 dBFS, so that 120 dB SPL are full scale.
    gain = 10 ** ((TRUE_DB - 120.0 + capture_db) / 20)
    distance = np.linalg.norm(MICS - np.array(speaker), axis=1)
    direct = np.exp(-2j * np.pi * f * distance[:, None] / 343.0) / distance[:, None]
    late = reflection * np.exp(-2j * np.pi * f * 5.0 / 343.0)
    clean = np.fft.irfft(spectrum * gain * (direct + late), N)
    # White noise to 8 kHz: its A-weighted level is about its level.
    rms = 10 ** ((noise_dba - 120.0 + capture_db - 3.01) / 20)
    raw = np.zeros((periods, 6, N), np.float32)
    raw[:, 1:5] = np.clip(clean + rng.normal(0.0, rms, (periods, 4, N)), -limit, limit)
    starts = np.arange(periods, dtype=np.int64) * N
    return SoundTake(raw, starts, rig, EXCITATION, ChannelMap(6, (1, 2, 3, 4), 5), "simulated")


def evidence(of: SoundTake, **changes) -> LoudnessEvidence:
    heard = LoudnessEvidence(of.rig, of.excitation, PROFILE, measure_direct(of), facing=True)
    return dataclasses.replace(heard, **changes)


@pytest.mark.parametrize("speaker", [(0.0, 0.06, 0.5), (0.3, 0.0, 0.9), (0.12, 0.06, 0.02)])
def test_the_direct_sound_tells_the_level_at_one_metre(speaker):
    part, step = judge_loudness(evidence(take(speaker, reflection=0.3)))
    assert part is not None
    assert step.outcome == "ok"
    assert part.dba == pytest.approx(Loudness(TRUE_DB, 0.0).dba(EXCITATION), abs=0.3)
    assert part.dba_at_full_scale == pytest.approx(TRUE_DB, abs=0.3)
    assert part.level_dbfs == pytest.approx(-20.0, abs=0.01)
    assert 1.0 < part.sigma_db < 1.5
    assert f"{part.dba:.0f} dB(A)" in step.found


def test_what_the_room_adds_is_told_apart():
    """A second path with 0.3 of the amplitude that the direct sound has at 1 m: 0.37 dB."""
    part, _ = judge_loudness(evidence(take(reflection=0.3)))
    assert part is not None
    assert part.room_db == pytest.approx(10 * np.log10(1.09), abs=0.1)
    dry, _ = judge_loudness(evidence(take()))
    assert dry is not None
    assert dry.room_db < 0.05


def test_a_phone_hears_the_room_too():
    loud = Loudness(TRUE_DB, 0.0).dba(EXCITATION)
    heard = evidence(take(reflection=0.8), phone_dba=loud + 10 * np.log10(1.64), profile=None)
    part, step = judge_loudness(heard)
    assert part is not None
    assert (part.method, step.outcome) == ("phone", "ok")
    assert part.dba_at_full_scale == pytest.approx(TRUE_DB, abs=0.2)
    assert part.sigma_db == 2.0
    without_array, _ = judge_loudness(dataclasses.replace(heard, direct=None))
    assert without_array is not None
    assert without_array.dba == pytest.approx(loud + 2.15, abs=0.01)


def test_a_loudspeaker_aside_is_less_sure_and_louder_in_front():
    part, step = judge_loudness(evidence(take((0.15, 0.06, 0.0)), facing=False))
    assert part is not None
    assert step.outcome == "warning"
    assert "--facing" in step.remedy
    assert part.method == "aside"
    assert 1.8 < part.sigma_db < 3.5
    assert 2.0 < part.dba_at_full_scale - TRUE_DB < 5.0  # a sphere is taken for half a cardioid
    ahead, _ = aside(take((0.0, 0.06, -0.5)).rig)
    behind, sigma = aside(take((0.0, 0.06, 0.5)).rig)
    assert ahead < 0.5
    assert behind > 6.0
    assert sigma > 4.0


@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (lambda: evidence(take(), profile=None), "sensitivity"),
        (lambda: evidence(take(), profile=load_array("respeaker-2-mic-hat")), "2-Mics Pi HAT"),
        (lambda: evidence(take(limit=0.002), direct=None), "did not hear"),
        (lambda: evidence(take(capture_db=52.0)), "clipped"),
        (lambda: evidence(take(noise_dba=85.0)), "above the noise"),
        (lambda: evidence(take(capture_db=-25.0)), "capture gain is too low"),
        (lambda: evidence(take(), asked_db=12.0, lower_db=4.0), "controls the gain"),
        (lambda: evidence(take(), asked_db=12.0, lower_db=11.8), ""),
        (lambda: evidence(take()), ""),
    ],
)
def test_it_says_why_it_cannot_know(heard, why):
    found = heard()
    assert why in unknown_because(found)
    assert bool(unknown_because(found)) == bool(why)
    part, step = judge_loudness(found)
    assert (part is None) == bool(why)
    if why:
        assert step.outcome == "warning"
        assert step.found.startswith("not known: ")
        assert "--phone-dba" in step.remedy


def test_a_gain_that_follows_the_level_shows_within_one_recording():
    swaying = take()
    slow = 10 ** (np.sin(np.arange(30) / 4.0) / 20)
    raw = (swaying.raw * slow[:, None, None]).astype(np.float32)
    assert "controls the gain" in unknown_because(evidence(dataclasses.replace(swaying, raw=raw)))


def test_the_surer_of_two_loudnesses_that_agree_is_kept():
    aside_now = LoudnessPart(88.0, 2.4, "aside", -20.0, 67.0, 66.0)
    faced = LoudnessPart(86.0, 1.2, "array", -20.0, 65.0, 64.0)
    turned_up = LoudnessPart(98.0, 2.4, "aside", -20.0, 77.0, 76.0)
    assert surer(aside_now, faced) is faced
    assert surer(faced, aside_now) is faced
    assert surer(turned_up, faced) is turned_up
    assert surer(None, faced) is faced
    assert surer(aside_now, None) is aside_now
