"""Simulated arrays with faults, and what calibration finds in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.contracts import ChannelMap
from edge.core.rig import Rig
from edge.sound.excitation import make_excitation
from edge.sources.session.writer import FULL_SCALE
from edge.tools.calibration.array_check import SoundResult, examine_sound
from edge.tools.calibration.takes import SoundTake
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import empty_response
from export.acoustics.shoebox import Room
from export.simulate.electronics import Electronics, Recorder, peak_level, random_transducers
from export.simulate.rigs import PLACE_ERROR_M, SimulatedRig, sample_rig
from export.simulate.scenes import sample_camera

FAULTS = ("swapped", "dead", "geometry", "clock", "delay")
NONE = "none"
FAULT_M = 0.01
SKEW_PPM = 200.0
DELAY_S = (0.0005, 0.02)
PERIODS = 20
REVERBERATION_S = 0.3
MOST_PLACES = 6
ROOM_TO_MOVE_M = 1.0
WALL_M = 0.1


@dataclass(frozen=True, eq=False)
class CaseOutcome:
    """What calibration found in a case.

    named: every fault that it reported, in order. blamed: it named the right channels. open: it
    could not decide. places: of the loudspeaker, as many as calibration asked for. error: of the
    measured quantity, in the fault's unit (mm, ppm, cm), NaN where there is none.
    """

    number: int
    array: str
    fault: str
    named: tuple[str, ...]
    blamed: bool
    places: int
    open: bool
    error: float

    @property
    def right(self) -> bool:
        """Whether the fault, its channels and nothing else were named."""
        return (
            self.named == (() if self.fault == NONE else (self.fault,))
            and self.blamed
            and not self.open
        )


@dataclass(frozen=True, eq=False)
class Case:
    """A rig in a room, with at most one fault. fault: one of FAULTS or NONE. mics: the swapped
    ones, or the dead or misplaced one. shift_m: (M, 3) of the microphones from the rig's positions.
    delay_s: of the loudspeaker.
    """

    number: int
    rig: SimulatedRig
    room: Room
    electronics: Electronics
    fault: str
    mics: tuple[int, ...]
    shift_m: Array
    delay_s: float
    rng: Rng


def make_case(seed: int, number: int, fault: str, family: str) -> Case:
    """Case `number` of a seed. Raises ConfigError for an unknown family of rigs."""
    rng = np.random.default_rng([seed, number, (*FAULTS, NONE).index(fault)])
    camera = sample_camera(rng, 4.0)
    rig = sample_rig(rng, camera, family)
    while fault == "delay" and rig.layout.reference_channel is None:
        rig = sample_rig(rng, camera, family)
    true = rig.true
    # There must be space to carry the loudspeaker around the array.
    around = true.mics.mean(axis=0) + ROOM_TO_MOVE_M * np.array(
        [[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]]
    )
    inside = np.concatenate([true.speakers, true.mics, around])
    size = rng.uniform([3.2, 3.6, 2.4], [7.0, 8.0, 3.1])
    room = random_room(
        rng,
        camera.room_rotation,
        float(camera.height_m or 1.0),
        inside,
        tuple(size),
        (0.08, 0.5),
        int(rng.integers(1, 6)),
    )
    mics: tuple[int, ...] = ()
    shift = np.zeros_like(true.mics)
    if fault == "swapped":
        mics = tuple(int(m) for m in sorted(rng.choice(len(true.mics), 2, replace=False)))
    elif fault == "dead":
        mics = (int(rng.integers(len(true.mics))),)
    elif fault == "geometry":
        mics = (int(rng.integers(len(true.mics))),)
        plane = np.linalg.svd(true.mics - true.mics.mean(axis=0))[2][:2]
        angle = rng.uniform(0.0, 2.0 * np.pi)
        shift[mics[0]] = FAULT_M * np.array([np.cos(angle), np.sin(angle)]) @ plane
    delay_s = float(rng.uniform(*DELAY_S)) if fault == "delay" else 0.0
    return Case(
        number, rig, room, _electronics(rng, rig, fault, delay_s), fault, mics, shift, delay_s, rng
    )


def calibrate_case(case: Case) -> CaseOutcome:
    """Record and calibrate, moving the loudspeaker while calibration asks for it."""
    takes = [record(case, None)]
    result = examine_sound(takes)
    while result.next_sites_m is not None and len(takes) < MOST_PLACES:
        takes.append(record(case, result.next_sites_m))
        result = examine_sound(takes)
    blamed, error = _compare(case, result)
    undecided = any(s.outcome == "open" for s in result.steps)
    return CaseOutcome(
        case.number, case.rig.name, case.fault, result.faults, blamed, len(takes), undecided, error
    )


def calibrate_all(seed: int, faulty: int, good: int, family: str) -> Iterator[CaseOutcome]:
    """`faulty` cases with each fault in turn, then `good` ones without any."""
    faults = [FAULTS[k % len(FAULTS)] for k in range(faulty)] + [NONE] * good
    for number, fault in enumerate(faults):
        yield calibrate_case(make_case(seed, number, fault, family))


def _compare(case: Case, result: SoundResult) -> tuple[bool, float]:
    """Whether the right channels were blamed, and the error of what was measured."""
    g = result.geometry
    if case.fault == "dead":
        return result.channels.dead == case.mics, float("nan")
    if g is None:
        return False, float("nan")
    if case.fault == "swapped":
        return tuple(i for i, o in enumerate(g.order) if o != i) == case.mics, float("nan")
    if case.fault == "geometry":
        return g.off == case.mics[0], 1e3 * (g.off_m - FAULT_M)
    if case.fault == "clock":
        return True, result.clock.drift_ppm - case.electronics.skew_ppm
    if case.fault == "delay":
        return True, 100.0 * (
            result.delay_s - result.own_delay_s - case.delay_s
        ) * case.rig.true.speed_of_sound_m_s
    return True, float("nan")


def _electronics(rng: Rng, rig: SimulatedRig, fault: str, delay_s: float) -> Electronics:
    x = rig.excitation
    f = np.asarray(np.fft.rfftfreq(x.period_samples, 1.0 / x.sample_rate_hz), np.float64)
    ripple = rng.uniform(0.5, 4.0), rng.uniform(0.2, 1.2)
    speaker, mics = random_transducers(rng, f, 1, len(rig.true.mics), ripple)
    speaker = (speaker * np.exp(-2j * np.pi * f * delay_s)).astype(np.complex64)
    return Electronics(
        speaker_response=speaker,
        mic_response=mics
        * (10.0 ** (rng.normal(0.0, 1.0, (len(mics), 1)) / 20.0)).astype(np.float32),
        delay_samples=float(rng.uniform(-0.5, 0.5)),
        noise_rms=float(10.0 ** (rng.uniform(-70.0, -50.0) / 20.0)),
        air_jitter_s=float(rng.uniform(0.0, 0.5e-6)),
        third_harmonic=float(10.0 ** (rng.uniform(-60.0, -40.0) / 20.0)),
        skew_ppm=float(
            rng.choice([-1.0, 1.0]) * SKEW_PPM if fault == "clock" else rng.normal(0.0, 0.3)
        ),
    )


def record(case: Case, sites_m: Array | None) -> SoundTake:
    """A recording. sites_m: (S, 3) proposed loudspeaker places, best first; None: its own."""
    rig, x, rng = case.rig, case.rig.excitation, case.rng
    signal = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
    grid = PeriodGrid(x.sample_rate_hz, x.period_samples, x.band_hz)
    speakers, written = rig.true.speakers, rig.measured.speakers
    if sites_m is not None:
        written = _reachable(case.room, sites_m)[None]
        offset = rig.true.mics.mean(axis=0) - rig.measured.mics.mean(axis=0)
        speakers = written + offset + rng.normal(0.0, PLACE_ERROR_M, 3)
    mics = rig.true.mics + case.shift_m
    response = empty_response(
        case.room,
        speakers,
        mics,
        grid,
        rig.true.speed_of_sound_m_s,
        REVERBERATION_S,
        rig.directivity,
    )
    peak = float(peak_level(signal, rig.layout, case.electronics, response))
    electronics = replace(
        case.electronics, gain=float(10.0 ** (rng.uniform(-24.0, -9.0) / 20.0) / peak)
    )
    recorder = Recorder(signal, rig.layout, electronics, rng)
    raw = np.stack([recorder.period(response, k).T for k in range(PERIODS)])
    channels = list(rig.layout.mic_channels)
    if case.fault == "swapped":
        a, b = (channels[m] for m in case.mics)
        raw[:, [a, b]] = raw[:, [b, a]]
    elif case.fault == "dead":
        raw[:, channels[case.mics[0]]] = np.rint(rng.normal(0.0, 0.7, (PERIODS, raw.shape[2])))
    measured = Rig(
        written,
        rig.measured.mics,
        rig.measured.pairs,
        rig.measured.camera,
        rig.measured.speed_of_sound_m_s,
    )
    layout = ChannelMap(rig.layout.channels, rig.layout.mic_channels, rig.layout.reference_channel)
    starts = np.arange(PERIODS) * x.period_samples
    return SoundTake(
        raw.astype(np.float32) / np.float32(FULL_SCALE),
        starts,
        measured,
        signal,
        layout,
        "simulated",
        rig.name,
    )


def _reachable(room: Room, sites_m: Array) -> Array:
    """The first of the proposed places (S, 3) inside the room."""
    inside = room.place(sites_m)
    free = ((inside > WALL_M) & (inside < room.size_m - WALL_M)).all(axis=1)
    return np.asarray(sites_m[int(np.argmax(free))])
