"""Levels of echo, clutter and late sound in a dataset folder and in this simulator, for the same
rigs and poses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP
from edge.sound.pose_kernel import analytic_signal
from edge.sources.session.dataset import Environment, require_environments
from export.acoustics.capsules import body_surface
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.random_room import random_room
from export.acoustics.room_response import body_response, empty_response
from export.simulate.samples import TAIL_LIMITS_DB, TAIL_MEAN_DB, TAIL_SPREAD_DB, WALL_ORDER

PERIOD_S = 0.25
# The echo: from the body's front to just behind the mid-hip, half path.
FRONT_M, BEHIND_M = 0.4, 0.1
LATE_M = 0.5
LATE_STARTS_M = (0.2, 0.7, 1.2, 1.7)
ROWS = (
    "echo, peak, re direct sound at 1 m",
    "echo, RMS, re direct sound at 1 m",
    "clutter before subtraction, re echo",
    "direct sound, re echo",
    *(f"body's response {a:g}-{a + LATE_M:g} m behind the mid-hip, re echo" for a in LATE_STARTS_M),
)


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels (N, rows) [dB] of N samples, in the order of ROWS."""

    values: Array

    @property
    def median(self) -> Array:
        """(rows,)."""
        return np.asarray(np.median(self.values, axis=0))

    @property
    def spread(self) -> Array:
        """10th and 90th percentile (2, rows)."""
        return np.asarray(np.percentile(self.values, [10, 90], axis=0))


def measured_levels(path: Path) -> Levels:
    """Levels of every sample at `path`. Raises SessionError where the empty room's response is
    missing, or every sample.
    """
    rows = []
    for environment in require_environments(path):
        empty = empty_envelope(environment)
        for sample in environment:
            kernel = np.abs(
                analytic_signal(sample.rir, environment.sample_rate_hz, environment.band_hz)
            )
            rows.append(levels_of(kernel, empty, sample.joints, environment))
    if not rows:
        raise SessionError(f"{path}: not one usable sample")
    return Levels(np.array(rows))


def simulated_levels(
    path: Path, rooms: int, seed: int, room_size_m: tuple[float, float, float]
) -> Levels:
    """Levels of this simulator: the rigs and poses of `path` in random rooms of about that size,
    with capsule bodies.

    There are no noise, transducers or drift: only acoustics is compared.
    """
    return Levels(
        np.array(
            [
                row
                for e in require_environments(path)
                for k in range(rooms)
                for row in _simulated(e, [seed, k], room_size_m)
            ]
        )
    )


def _simulated(
    environment: Environment, seed: list[int], size_m: tuple[float, float, float]
) -> Iterator[Array]:
    rng = np.random.default_rng(seed)
    rig, c = environment.rig, environment.rig.speed_of_sound_m_s
    rate = round(environment.sample_rate_hz)
    grid = PeriodGrid(rate, round(PERIOD_S * rate), environment.band_hz)
    samples = [s for s in environment if np.isfinite(s.joints[:15]).all()]
    joints = [np.where(np.isfinite(s.joints), s.joints, s.joints[MID_HIP]) for s in samples]
    rotation = rig.camera.room_rotation
    # The lowest joint of all stands on the floor.
    floor = max(float(-(j @ rotation.T)[:, 2].min()) for j in joints) + 0.02
    inside = np.concatenate([rig.speakers, rig.mics, *joints])
    room = random_room(rng, rotation, floor, inside, size_m=size_m)
    level_db = float(np.clip(rng.normal(TAIL_MEAN_DB, TAIL_SPREAD_DB), *TAIL_LIMITS_DB))
    tail = LateTail(room, rng, after_order=WALL_ORDER, level_db=level_db)
    kept = environment_window(environment)
    p = rig.pairs
    h0 = grid.response(empty_response(room, rig.speakers, rig.mics, grid, c))[
        p[:, 0], p[:, 1], :kept
    ]
    empty = np.abs(analytic_signal(h0, rate, environment.band_hz))
    for j in joints:
        body = body_surface(j, grid.patch_spacing_m(c), rng)
        spectra = body_response(
            room, body, rig.speakers, rig.mics, grid, c, order=WALL_ORDER, tail=tail, anchors=j
        )
        kernel = np.abs(
            analytic_signal(
                grid.response(spectra)[p[:, 0], p[:, 1], :kept], rate, environment.band_hz
            )
        )
        yield levels_of(kernel, empty, j, environment)


def environment_window(environment: Environment) -> int:
    """Samples in each response of an environment."""
    return int(empty_envelope(environment).shape[1])


def empty_envelope(environment: Environment) -> Array:
    """Envelope (P, T) of the empty room's response. Raises SessionError where there is none."""
    file = environment.path / "rir_empty.npy"
    try:
        h0 = np.load(file, allow_pickle=False)
    except (OSError, ValueError) as e:
        raise SessionError(
            f"{file}: the response of the empty room is needed to compare levels ({e})"
        ) from e
    return np.abs(analytic_signal(h0, environment.sample_rate_hz, environment.band_hz))


def levels_of(kernel: Array, empty: Array, joints: Array, environment: Environment) -> Array:
    """Levels (rows,) [dB] of one sample: envelopes (P, T) of its pose kernels and of the empty
    room.
    """
    rig, rate, c = environment.rig, environment.sample_rate_hz, environment.rig.speed_of_sound_m_s
    half_path = np.arange(kernel.shape[1]) / rate * c / 2.0
    hip = float(rig.arrival_s(joints[MID_HIP]).mean()) * c / 2.0
    direct = rig.direct_arrival_s * c
    unit = np.mean(
        [empty[p, : int((d / c + 1e-3) * rate)].max() * max(d, 0.02) for p, d in enumerate(direct)]
    )

    def rms(a: Array, start: float, end: float) -> float:
        return float(np.sqrt(np.mean(a[:, (half_path >= start) & (half_path < end)] ** 2)))

    echo = rms(kernel, hip - FRONT_M, hip + BEHIND_M)
    peak = float(
        np.median(
            kernel[:, (half_path >= hip - FRONT_M) & (half_path < hip + BEHIND_M)].max(axis=1)
        )
    )
    clutter = rms(empty, hip - FRONT_M, hip + BEHIND_M)
    late = [rms(kernel, hip + a, hip + a + LATE_M) / echo for a in LATE_STARTS_M]
    ratios = [
        peak / unit,
        echo / unit,
        clutter / echo,
        rms(empty, 0.0, 0.3 + direct.max() / 2.0) / echo,
        *late,
    ]
    return 20.0 * np.log10(np.maximum(ratios, 1e-9))


def level_table(found: Levels, simulated: Levels) -> str:
    """Both as a Markdown table."""
    lines = [
        "| dB | folder: median (10-90 %) | simulator: median (10-90 %) | difference of medians |",
        "|---|---|---|---|",
    ]
    for k, row in enumerate(ROWS):
        cells = [
            f"{x.median[k]:.1f} ({x.spread[0, k]:.1f} to {x.spread[1, k]:.1f})"
            for x in (found, simulated)
        ]
        lines.append(
            f"| {row} | {cells[0]} | {cells[1]} | {simulated.median[k] - found.median[k]:+.1f} |"
        )
    return "\n".join(lines)
