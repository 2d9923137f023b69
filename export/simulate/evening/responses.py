"""What people change in the room on an evening, and the room itself as its air warms: computed
once, kept in a file, and the same whatever is played.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft

from edge.core.arrays import BoolArray
from export.acoustics.surface import Float32Array
from export.bodies.acting import RATE_HZ
from export.extras import Progress
from export.simulate.evening.home import Evening
from export.simulate.evening.script import Role
from export.simulate.moments.casting import Moment

EVERY_S = 5.0  # between two computations of the empty room
VERSION = 1  # of the file


@dataclass(frozen=True, eq=False)
class Responses:
    """Impulse responses in the air, of the first loudspeaker, as `RoomSound` has them.

    bodies: of each role (B, M, N) at the excitation's rate; 0 for bodies that are never there.
    empty: (W, M, L), one each EVERY_S, sample GUARD_SAMPLES is that of emission.
    """

    bodies: tuple[Float32Array, ...]
    empty: Float32Array


def respond(
    evening: Evening, folder: Path | None = None, progress: Progress = lambda items, total: items
) -> Responses:
    """The responses, from the file in `folder` where it was made before; a dozen a second."""
    path = None if folder is None else folder / f"{evening.name}.npz"
    if path is not None and (kept := _read(path, evening)) is not None:
        return kept
    bodies = tuple(_of_role(evening, q, progress) for q in range(len(evening.roles)))
    made = Responses(bodies, empty_rooms(evening))
    if path is not None:
        _write(path, made)
    return made


def empty_rooms(evening: Evening) -> Float32Array:
    """The empty room as its air warms, see `Responses`."""
    nodes = int(evening.periods / RATE_HZ / EVERY_S) + 2
    at = np.minimum(np.arange(nodes) * round(EVERY_S * RATE_HZ), evening.periods - 1)
    start_c = evening.sound.scene.rig.temperature_c
    sound = evening.sound.room
    return np.stack([sound.empty_response(start_c + evening.warmth_c[k])[0] for k in at])


def _of_role(evening: Evening, which: int, progress: Progress) -> Float32Array:
    role, sound = evening.roles[which], evening.sound
    person = evening.sound.scene.moments[0].people[which]
    n = sound.grid.period_samples
    out = np.zeros((len(role.joints), len(sound.scene.rig.true.mics), n), np.float32)
    used = _used(role)
    for row in progress(np.flatnonzero(used), int(used.sum())):
        here = replace(
            person, vertices=role.vertices[row].astype(np.float64), joints=role.joints[row]
        )
        first = int(np.argmax(role.rows == row))
        moment = Moment((here,), 0.0, float(evening.warmth_c[first]))
        clothes = np.random.default_rng([*evening.seed, 21, which])
        spectra = sound.bodies(moment, sound.reflectors(moment, [clothes]), clothes)
        out[row] = scipy.fft.irfft(spectra[0], n)
    return out


def _used(role: Role) -> BoolArray:
    """(B,) which of the bodies are in the room at any time."""
    return np.asarray(np.isin(np.arange(len(role.joints)), role.rows))


def _write(path: Path, made: Responses) -> None:
    """Half as many digits are 60 dB below each sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"version": np.array(VERSION), "empty": made.empty}
    for q, body in enumerate(made.bodies):
        scale = np.float32(max(float(np.abs(body).max()), 1e-12))
        arrays |= {f"scale{q}": scale, f"body{q}": (body / scale).astype(np.float16)}
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    part.replace(path)


def _read(path: Path, evening: Evening) -> Responses | None:
    """None where the file is not there, or is of another version."""
    if not path.exists():
        return None
    with np.load(path) as data:
        if int(data["version"]) != VERSION:
            return None
        bodies = tuple(
            data[f"body{q}"].astype(np.float32) * data[f"scale{q}"]
            for q in range(len(evening.roles))
        )
        if any(len(b) != len(r.joints) for b, r in zip(bodies, evening.roles, strict=True)):
            return None
        return Responses(bodies, data["empty"])
