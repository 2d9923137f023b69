"""Dataset folders in memory, person by person."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, load_array
from edge.core.pose import N_JOINTS
from edge.core.rig import Rig, seen_rays
from edge.sound.pose_kernel import analytic_signal
from edge.sources.session.dataset import Environment

WINDOW_S = 0.04


@dataclass(frozen=True, eq=False)
class StoredSample:
    """One person of a sample in memory. room: number of its environment. joints: (15, 3). others:
    those of the other people in the sample. clean: kernels (P, T) of all of them without
    interference. interference: (P, T) of the recording, None where unknown.
    """

    name: str
    room: int
    joints: Array
    others: tuple[Array, ...]
    rays: Array
    seen: BoolArray
    clean: ComplexArray
    interference: ComplexArray | None
    rig: Rig
    sample_rate_hz: float
    band_hz: tuple[float, float]


def changes(environment: Environment) -> ComplexArray:
    """Kernels (C, P, T) of what may be moved in this room, from its rir_changes.npy; C is 0 where
    there is none.
    """
    rate, band = environment.sample_rate_hz, environment.band_hz
    path, down = environment.path / "rir_changes.npy", int(WINDOW_S * rate)
    if not path.is_file():
        return np.zeros((0, 1, 1), np.complex64)
    return np.stack([analytic_signal(rir, rate, band)[:, :down] for rir in load_array(path)])


def stored_people(environment: Environment, room: int) -> Iterable[list[StoredSample]]:
    """The people of each sample. room: number of the environment."""
    rate, band = environment.sample_rate_hz, environment.band_hz
    down = int(WINDOW_S * rate)
    for sample in environment:
        noisy = analytic_signal(sample.rir, rate, band)[:, :down]
        clean = (
            noisy if sample.clean is None else analytic_signal(sample.clean, rate, band)[:, :down]
        )
        interference = None if sample.clean is None else noisy - clean
        joints = [j[:N_JOINTS] for j in sample.joints]
        people = []
        for k, keypoints in enumerate(sample.keypoints):
            rays, seen = seen_rays(keypoints.pixels[:N_JOINTS], environment.rig.camera)
            person = StoredSample(
                name=f"{environment.path.name}/{sample.name}",
                room=room,
                joints=joints[k],
                others=tuple(j for i, j in enumerate(joints) if i != k),
                rays=rays,
                seen=seen,
                clean=clean,
                interference=interference,
                rig=environment.rig,
                sample_rate_hz=rate,
                band_hz=band,
            )
            people.append(person)
        yield people
