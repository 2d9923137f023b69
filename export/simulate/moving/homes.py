"""Living rooms of usual size with a camera and an array in them, and whoever lives there."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.rig import Camera
from export.acoustics.random_room import random_room
from export.acoustics.shoebox import Room
from export.bodies.body import PosedBody
from export.simulate.conditions import CONDITIONS
from export.simulate.moments.casting import ScenePerson
from export.simulate.rigs import SimulatedRig, sample_rig
from export.simulate.scenes import sample_camera

SIZE_M = ((3.6, 5.5), (4.2, 6.5), (2.35, 2.7))
DRIFT_C_PER_S = 1.5 / 600.0
LEARNED_SWING = 0.8  # share of sensors that have heard their room warm and cool


@dataclass(frozen=True, eq=False)
class LivingSpace:
    """Where somebody lives, in field conditions. size_m: across, along the view, up. farthest_m:
    that people go from the camera.
    """

    size_m: tuple[float, float, float]
    farthest_m: float
    camera: Camera
    rig: SimulatedRig

    def furnished(self, rng: Rng, inside: Array) -> Room:
        """A room with furniture that leaves these points (K, 3) free, camera frame [m]."""
        return random_room(
            rng,
            self.camera.room_rotation,
            float(self.camera.height_m or 0.0),
            inside,
            size_m=self.size_m,
            absorption=(rng.uniform(0.05, 0.2), rng.uniform(0.3, 0.7)),
            pieces=int(rng.integers(2, 6)),
        )


def living_space(rng: Rng) -> LivingSpace:
    """A random one, with an array of six microphones."""
    across, along, up = (float(rng.uniform(*ends)) for ends in SIZE_M)
    farthest = float(np.clip(along - 1.0, 2.4, 4.5))
    camera = sample_camera(rng, farthest, CONDITIONS["field"])
    return LivingSpace((across, along, up), farthest, camera, sample_rig(rng, camera, "compact-6"))


def dweller(rng: Rng, posed: PosedBody, vertices: Array, joints: Array) -> ScenePerson:
    """Somebody in usual clothes, alone before the camera. vertices (V, 3), joints (25, 3): camera
    frame [m].
    """
    return ScenePerson(
        posed=posed,
        vertices=vertices,
        joints=joints,
        heading_deg=0.0,
        echo_gain=float(rng.uniform(0.5, 0.95)),
        roughness_m=float(rng.uniform(0.003, 0.006)),
        standing="",
        hidden=np.zeros(25, bool),
    )
