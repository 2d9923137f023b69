"""Simulated arrays with a faulty microphone, and what the running sensor finds in them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, Rng
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import Excitation, make_excitation
from edge.sound.health.microphone_health import REMEMBERED, MicrophoneFault, MicrophoneHealth
from edge.sources.alsa.alignment import Aligner
from edge.sources.session.writer import FULL_SCALE
from export.acoustics.capsules import body_surface
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import body_response, empty_response
from export.acoustics.surface import Surface
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import sample_pose
from export.simulate.electronics import Recorder, peak_level
from export.simulate.rigs import ARRAYS
from export.studies.calibration_cases import NONE, REVERBERATION_S, WALL_M, Case, make_case

KINDS = ("dead", "soft", "exchanged", "copied", "clipped", "hum")
# What each may be called: a dead channel is silent, or carries no more than its own noise.
CALLED = {
    "dead": ("silent", "deaf"),
    "soft": ("soft",),
    "exchanged": ("exchanged",),
    "copied": ("copy",),
    "clipped": ("clipped",),
    "hum": ("hum",),
}
PERIODS = REMEMBERED + 2
SOFT_DB = 12.0
WALK_M_S = 1.0
# Share of the arrays with a loopback that are judged with it, the others as without.
LOOPBACK_USED = 0.6
# Exchanged microphones can be told where their arrivals differ by half a sample at 16 kHz.
APART_S = 0.5 / 16000
_PLACES = 50  # tries to find the person's way inside the room

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class MicrophoneCase:
    """What was found in one array. kind: the fault put in, or NONE. apart_s: of exchanged ones,
    by how much their direct arrivals differ [s], else NaN. loopback: whether it was used.
    right: the fault, its microphones and nothing else were named.
    """

    number: int
    array: str
    mics: int
    loopback: bool
    kind: str
    named: tuple[MicrophoneFault, ...]
    apart_s: float
    right: bool

    @property
    def decidable(self) -> bool:
        """Whether the fault can be told from one place of the loudspeaker."""
        return self.kind != "exchanged" or self.apart_s > APART_S


def all_cases(seed: int, faulty: int, good: int) -> Iterator[MicrophoneCase]:
    """`faulty` arrays with each fault in turn, then `good` ones; every array in turn."""
    kinds = [KINDS[k % len(KINDS)] for k in range(faulty)] + [NONE] * good
    names = tuple(ARRAYS)
    for number, kind in enumerate(kinds):
        yield judge_case(seed, number, kind, names[number // len(KINDS) % len(names)])


def judge_case(seed: int, number: int, kind: str, array: str) -> MicrophoneCase:
    """Record an array while somebody walks, put the fault in, and judge it as the sensor does."""
    case = make_case(seed, number, NONE, array)
    rng = np.random.default_rng([seed, number, 1])
    x, layout, rig = case.rig.excitation, case.rig.layout, case.rig.measured
    signal = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
    raw = _record(case, signal, rng)
    mics = tuple(int(m) for m in rng.permutation(len(rig.mics))[:2])
    channels = [layout.mic_channels[m] for m in mics]
    _put_in(raw, kind, channels, x.sample_rate_hz, rng)
    deconvolve = Deconvolver(signal, rig)
    loopback = layout.reference_channel is not None and rng.random() < LOOPBACK_USED
    aligner = None if loopback else Aligner(signal, rig)
    health = MicrophoneHealth(rig, x.period_s, deconvolve.sample_rate_hz)
    for period in raw:
        samples, reference = layout.split(period)
        if aligner is None:
            health(samples, deconvolve(samples, reference), reference)
        else:
            found = aligner.find(samples)
            responses = None if found is None else deconvolve(samples, None, found.lag)
            health(samples, responses)
    apart_s = float("nan")
    if kind == "exchanged":
        arrival_s = rig.direct_arrival_s[list(mics)]
        apart_s = float(abs(arrival_s[0] - arrival_s[1]))
    right = _right(kind, mics, health.faults)
    return MicrophoneCase(
        number, case.rig.name, len(rig.mics), loopback, kind, health.faults, apart_s, right
    )


def _right(kind: str, mics: tuple[int, ...], faults: tuple[MicrophoneFault, ...]) -> bool:
    if kind == NONE:
        return not faults
    blamed = {f.microphone for f in faults}
    if any(f.kind not in CALLED[kind] for f in faults):
        return False
    if kind == "exchanged":
        return blamed == set(mics)
    if kind == "copied":
        return len(faults) == 1 and {faults[0].microphone, faults[0].other} == set(mics)
    return blamed == {mics[0]}


def _put_in(raw: Samples, kind: str, channels: list[int], rate_hz: int, rng: Rng) -> None:
    """Change raw sound (K, N, C) in place."""
    a, b = channels
    own = raw[:, :, a].astype(np.float64)
    peak = np.abs(own).max()
    if kind == "dead":
        noise = 0.7 if rng.random() < 0.5 else 0.0
        own = rng.normal(0.0, 1.0, own.shape) * noise
    elif kind == "soft":
        own = own * 10.0 ** (-SOFT_DB / 20.0)
    elif kind == "exchanged":
        own, raw[:, :, b] = raw[:, :, b].astype(np.float64), raw[:, :, a]
    elif kind == "copied":
        own = raw[:, :, b].astype(np.float64)
    elif kind == "clipped":
        own = own * 2.0 * FULL_SCALE / peak
    elif kind == "hum":
        level = FULL_SCALE * 10.0 ** (rng.uniform(-35.0, -20.0) / 20.0)
        t = np.arange(own.size).reshape(own.shape) / rate_hz
        mains = float(rng.choice([50.0, 60.0])) * (1.0 + rng.normal(0.0, 2e-4))
        for k in (1, 2, 3, 5):
            own += level / k * np.sin(2 * np.pi * k * mains * t + rng.uniform(0, 2 * np.pi))
    raw[:, :, a] = np.clip(np.rint(own), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _record(case: Case, signal: Excitation, rng: Rng) -> Samples:
    """Raw sound (PERIODS, N, C) while somebody walks through the room."""
    rig, x = case.rig, case.rig.excitation
    grid = PeriodGrid(x.sample_rate_hz, x.period_samples, x.band_hz)
    c = rig.true.speed_of_sound_m_s
    empty = empty_response(
        case.room, rig.true.speakers, rig.true.mics, grid, c, REVERBERATION_S, rig.directivity
    )
    peak = float(peak_level(signal, rig.layout, case.electronics, empty))
    gain = float(10.0 ** (rng.uniform(-24.0, -9.0) / 20.0) / peak)
    recorder = Recorder(signal, rig.layout, replace(case.electronics, gain=gain), rng)
    echo_gain = float(rng.uniform(0.5, 0.95))

    def occupied(surface: Surface) -> ComplexArray:
        return empty + body_response(
            case.room,
            surface,
            rig.true.speakers,
            rig.true.mics,
            grid,
            c,
            echo_gain=echo_gain,
            order=0,
            directivity=rig.directivity,
        )

    walk = _walk(case, c / x.band_hz[1] / 3.0, rng)
    return np.stack([recorder.period(occupied(s), k) for k, s in enumerate(walk)])


def _walk(case: Case, spacing_m: float, rng: Rng) -> list[Surface]:
    """A walking person at each period, camera frame."""
    camera = case.rig.true.camera
    body = sample_body(rng, None)
    joints = pose_body(body, sample_pose(rng, body, "walk")).joints.astype(np.float64)
    for _ in range(_PLACES):
        start = np.array([rng.uniform(-1.2, 1.2), rng.uniform(0.9, 3.5), 0.0])
        angle = rng.uniform(0.0, 2.0 * np.pi)
        step = WALK_M_S * case.rig.excitation.period_s * np.array([np.cos(angle), np.sin(angle), 0])
        way = start + np.arange(PERIODS)[:, None] * step
        if (
            _inside(case, camera.from_room(way + np.array([0.0, 0.0, 1.0])))
            and way[:, 1].min() > 0.8
        ):
            break
    surface = body_surface(camera.from_room(joints + way[0]), spacing_m, rng)
    turn = camera.room_rotation
    return [surface.moved(np.eye(3), (place - way[0]) @ turn) for place in way]


def _inside(case: Case, places: Array) -> bool:
    at = case.room.place(places)
    return bool(((at > 3 * WALL_M) & (at < case.room.size_m - 3 * WALL_M)).all())
