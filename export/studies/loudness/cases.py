"""Simulated loudspeakers of known loudness, and what calibration says of them."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, ComplexArray, FloatArray, Rng
from edge.core.calibration_file import LoudnessPart
from edge.core.contracts import ChannelMap
from edge.core.profiles import load_array
from edge.core.rig import Rig
from edge.sound.excitation import Excitation, make_excitation
from edge.sound.loudness import Loudness, a_weights, spl_db
from edge.sources.session.writer import FULL_SCALE
from edge.tools.calibration.loudness.direct_level import measure_direct
from edge.tools.calibration.loudness.evidence import LOWER_DB, lower_by
from edge.tools.calibration.loudness.judge import GOOD_DB, LoudnessEvidence, judge_loudness
from edge.tools.calibration.takes import SoundTake
from export.acoustics.directivity import Directivity
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import empty_response
from export.acoustics.shoebox import Room
from export.simulate.electronics import Electronics, Recorder, random_transducers
from export.simulate.rigs import PLACE_ERROR_M, SimulatedRig, sample_rig
from export.simulate.scenes import sample_camera

ARRAY = "respeaker-usb-v2"
PERIODS = 20
REVERBERATION_S = 0.3
WITHIN_DB = 2.0
# How often each kind comes in 200 cases.
SHARES = {
    "facing": 105,
    "aside": 25,
    "phone": 15,
    "clipped": 12,
    "drowned": 12,
    "automatic gain": 10,
    "gain too low": 8,
    "gain too high": 3,
    "no sensitivity": 10,
}


@dataclass(frozen=True, slots=True)
class LoudnessCase:
    """kind: of SHARES. error_db: of dB(A) at 1 m, None where calibration called it unknown.
    sigma_db: that it claimed. said: its sentence.
    """

    number: int
    kind: str
    error_db: float | None
    sigma_db: float
    said: str

    @property
    def right(self) -> bool:
        """Within 2 dB, or it says so: no figure, or one that it calls unsure and that holds."""
        return self.error_db is None or abs(self.error_db) <= max(
            WITHIN_DB, 2.0 * self.sigma_db if self.unsure else 0.0
        )

    @property
    def unsure(self) -> bool:
        """Whether it says that the figure may be off by more than 2 dB."""
        return self.error_db is not None and self.sigma_db > GOOD_DB


@dataclass(frozen=True, eq=False)
class _Bench:
    rig: SimulatedRig
    room: Room
    place_m: Array
    directivity: Directivity
    excitation: Excitation
    electronics: Electronics
    rng: Rng


def loudness_cases(seed: int, number: int) -> Iterator[LoudnessCase]:
    """So many cases, of every kind in proportion to SHARES."""
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    order = np.random.default_rng(seed).permutation(len(kinds))
    for k in range(number):
        yield measure_case(seed, k, kinds[order[k % len(kinds)]])


def measure_case(seed: int, number: int, kind: str) -> LoudnessCase:
    """Simulate one loudspeaker and calibrate it."""
    rng = np.random.default_rng([seed, number, list(SHARES).index(kind)])
    loud_db = float(rng.uniform(76.0, 94.0))  # dB SPL at 1 m of a full-scale sine
    ambient_dba = float(rng.uniform(28.0, 42.0))
    capture_db = {"clipped": 0.0, "gain too low": -rng.uniform(14.0, 22.0), "gain too high": 8.0}
    if kind == "drowned":
        loud_db, ambient_dba = float(rng.uniform(58.0, 64.0)), float(rng.uniform(74.0, 82.0))
    facing = kind not in ("aside", "phone")
    level_dbfs = float(rng.choice([-30.0, -20.0, -12.0]))
    gain_db = float(capture_db.get(kind, 0.0))
    bench = _bench(rng, facing, level_dbfs, loud_db, ambient_dba, gain_db)
    take = _take(bench, 0.0)
    if kind == "clipped":
        take = _clipped(take)
    direct, lower = measure_direct(take), None
    if kind in ("facing", "aside", "automatic gain"):
        soft = _take(bench, LOWER_DB)
        if kind == "automatic gain":
            take, soft = _levelled(take), _levelled(soft)
            direct = measure_direct(take)
        lower = lower_by(direct, measure_direct(soft))
    true_dba = _true_dba(bench, loud_db)
    profile = None if kind == "no sensitivity" else load_array(ARRAY)
    evidence = LoudnessEvidence(
        take.rig,
        take.excitation,
        profile,
        direct,
        facing,
        LOWER_DB,
        lower,
        _phone(bench, true_dba) if kind == "phone" else None,
    )
    part, step = judge_loudness(evidence)
    return _outcome(number, kind, part, true_dba, step.found)


def _outcome(
    number: int, kind: str, part: LoudnessPart | None, true_dba: float, said: str
) -> LoudnessCase:
    if part is None:
        return LoudnessCase(number, kind, None, math.inf, said)
    return LoudnessCase(number, kind, part.dba - true_dba, part.sigma_db, said)


def _bench(
    rng: Rng, facing: bool, level_dbfs: float, loud_db: float, ambient_dba: float, gain_db: float
) -> _Bench:
    camera = sample_camera(rng, 4.0)
    rig = sample_rig(rng, camera, ARRAY)
    while not facing and np.linalg.norm(rig.true.speakers[0] - rig.true.mics.mean(axis=0)) > 0.3:
        rig = sample_rig(rng, camera, ARRAY)
    centre = rig.true.mics.mean(axis=0)
    place = rig.true.speakers[0]
    directivity = rig.directivity
    if facing:
        place = centre + np.array([0.0, 0.0, rng.uniform(0.3, 0.8)])
        aim = np.array([0.0, 0.0, -1.0]) + 0.15 * rng.normal(size=3)
        strength = rng.uniform(0.0, 0.6)
        speakers = (aim / np.linalg.norm(aim) * strength)[None]
        directivity = Directivity(speakers, rig.directivity.mics)
    phone = place + _ahead(directivity, camera.room_rotation)
    inside = np.concatenate([rig.true.mics, np.array([place, phone])])
    size = rng.uniform([3.2, 3.6, 2.4], [7.0, 8.0, 3.1])
    height_m, walls = float(camera.height_m or 1.0), (0.08, 0.5)
    pieces = int(rng.integers(1, 6))
    room = random_room(rng, camera.room_rotation, height_m, inside, tuple(size), walls, pieces)
    x = rig.excitation
    excitation = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, level_dbfs)
    f = np.asarray(np.fft.rfftfreq(x.period_samples, 1.0 / x.sample_rate_hz), np.float64)
    speaker, mics = random_transducers(rng, f, 1, len(rig.true.mics), (rng.uniform(0.5, 3.0), 0.5))
    level = load_array(ARRAY).sensitivity_dbfs
    assert level is not None
    # The data sheet's limits are three sigma; half of the variance is common to a lot.
    sigma = level.tolerance_db / 3.0 / math.sqrt(2.0)
    off = rng.normal(0.0, sigma) + rng.normal(0.0, sigma, (len(mics), 1))
    off = np.clip(off, -level.tolerance_db, level.tolerance_db)
    full_scale_spl = spl_db(0.0, level.value)
    heard_dba = 10.0 * math.log10(10.0 ** (ambient_dba / 10.0) + 10.0 ** (33.0 / 10.0))
    electronics = Electronics(
        speaker_response=speaker,
        mic_response=(mics * 10.0 ** (off / 20.0)).astype(np.complex64),
        gain=10.0 ** ((loud_db + gain_db - full_scale_spl) / 20.0),
        delay_samples=float(rng.uniform(-0.5, 0.5)),
        noise_rms=10.0 ** ((heard_dba + gain_db - full_scale_spl - 3.01) / 20.0),
        air_jitter_s=float(rng.uniform(0.0, 0.5e-6)),
        third_harmonic=float(10.0 ** (rng.uniform(-60.0, -40.0) / 20.0)),
        skew_ppm=float(rng.normal(0.0, 0.3)),
    )
    return _Bench(rig, room, place, directivity, excitation, electronics, rng)


def _take(bench: _Bench, lower_db: float) -> SoundTake:
    """A recording. lower_db: by how much less is played."""
    true, measured, x = bench.rig.true, bench.rig.measured, bench.excitation
    x = _lowered(x, lower_db)
    response = _response(bench, true.mics)
    recorder = Recorder(x, bench.rig.layout, bench.electronics, bench.rng)
    raw = np.stack([recorder.period(response, k).T for k in range(PERIODS)])
    offset = measured.mics.mean(axis=0) - true.mics.mean(axis=0)
    written = bench.place_m + offset + bench.rng.normal(0.0, PLACE_ERROR_M, 3)
    rig = Rig(
        written[None], measured.mics, measured.pairs, measured.camera, measured.speed_of_sound_m_s
    )
    layout = bench.rig.layout
    channels = ChannelMap(layout.channels, layout.mic_channels, layout.reference_channel)
    starts = np.arange(PERIODS) * x.period_samples
    samples = raw.astype(np.float32) / np.float32(FULL_SCALE)
    return SoundTake(samples, starts, rig, x, channels, "simulated", bench.rig.name)


def _lowered(x: Excitation, lower_db: float) -> Excitation:
    share = np.float32(10.0 ** (-lower_db / 20.0))
    return dataclasses.replace(x, samples=x.samples * share, spectrum=x.spectrum * share)


def _response(bench: _Bench, mics: Array) -> ComplexArray:
    """Of the room, from the loudspeaker to these microphones (M, 3): (1, M, F)."""
    x, aims = bench.excitation, bench.directivity
    grid = PeriodGrid(x.sample_rate_hz, x.period_samples, x.band_hz)
    if len(mics) != len(aims.mics):  # a phone's hears all around
        aims = Directivity(aims.speakers, np.zeros((len(mics), 3)))
    speed = bench.rig.true.speed_of_sound_m_s
    place = bench.place_m[None]
    return empty_response(bench.room, place, mics, grid, speed, REVERBERATION_S, aims)


def _true_dba(bench: _Bench, loud_db: float) -> float:
    """dB(A) at 1 m on the loudspeaker's axis, without the room."""
    flat = Loudness(loud_db, 0.0).dba(bench.excitation)
    return flat + 10.0 * math.log10(_weighted(bench, bench.electronics.speaker_response[0]))


def _weighted(bench: _Bench, response: ComplexArray) -> float:
    """Mean power gain of a response (F,) for the A-weighted excitation."""
    x = bench.excitation
    power = a_weights(x.period_samples, x.sample_rate_hz) * np.abs(x.spectrum) ** 2
    return float(np.sum(power * np.abs(response) ** 2) / np.sum(power))


def _phone(bench: _Bench, true_dba: float) -> float:
    """A phone 1 m in front of the loudspeaker: it hears the room, too, and is off by 1.5 dB."""
    ahead = _ahead(bench.directivity, bench.rig.true.camera.room_rotation)
    there = _response(bench, (bench.place_m + ahead)[None])[0, 0]
    in_room = _weighted(bench, there * bench.electronics.speaker_response[0])
    direct = _weighted(bench, bench.electronics.speaker_response[0])
    return true_dba + 10.0 * math.log10(in_room / direct) + float(bench.rng.normal(0.0, 1.5))


def _ahead(directivity: Directivity, to_level: Array) -> Array:
    """1 m in front of the loudspeaker, level with it: from it, camera frame (3,). to_level:
    `Camera.room_rotation`.
    """
    axis = to_level @ (directivity.speakers[0] + np.array([0.0, 0.0, 1e-9]))
    level = np.array([axis[0], axis[1], 0.0])
    return np.asarray(level / np.linalg.norm(level) @ to_level)


def _clipped(take: SoundTake) -> SoundTake:
    """As if the microphones received 6 dB more than their channels take."""
    mics = list(take.map.mics)
    peak = float(np.abs(take.raw[:, mics]).max())
    raw = take.raw.copy()
    raw[:, mics] = np.clip(raw[:, mics] * np.float32(2.0 / peak), -1.0, 1.0)
    return dataclasses.replace(take, raw=raw)


def _levelled(take: SoundTake) -> SoundTake:
    """Automatic gain: whatever comes in, -26 dBFS go out."""
    mics = list(take.map.mics)
    raw: FloatArray = take.raw.copy()
    rms = float(np.sqrt(np.mean(raw[:, mics].astype(np.float64) ** 2)))
    raw[:, mics] *= np.float32(10.0 ** (-26.0 / 20.0) / rms)
    return dataclasses.replace(take, raw=raw)
