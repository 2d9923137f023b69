"""Random scenes: a camera and a rig in a furnished room, and moments of people in it.

A scene depends on (split, seed, index) alone. No two splits share a room, a body or a motion clip.
"""

from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.rig import Camera
from export.acoustics.random_room import random_room
from export.acoustics.shoebox import Room
from export.bodies.body import Split
from export.simulate.conditions import CONDITIONS, Conditions
from export.simulate.moments.casting import DISTANCE_M, Casting, Moment, Poses, ScenePerson
from export.simulate.rigs import SimulatedRig, sample_rig

SPLITS: tuple[Split, ...] = ("train", "val", "test")
WIDTH, HEIGHT, FOCAL_PX = 640, 480, 520.0
CAMERA_HEIGHT_M, LEVEL_HEIGHT_M = (0.8, 2.2), (0.8, 1.3)
HIPS_M = 0.9
# Drift of the air temperature since the empty room was learned, seconds to minutes ago, as a power
# of ten of deg C. Reverberation later than a period falls into the early part of the next one but
# drifts as late sound does. No stretch of the empty response undoes that, so in reverberant rooms
# 0.3 deg C leave as much interference as echo.
DRIFT_LOG_C = (-2.5, -0.5)
# Of a room: (least, most) across, along the view, up [m]; of its walls' absorption.
SIZE_M = ((2.6, 7.0), (3.0, 8.0), (2.25, 3.1))
CAMERA_TO_WALL_M = 0.35
FARTHEST_OVER_M = 0.6  # of the farthest place, over the nearest


@dataclass(frozen=True, eq=False)
class Scene:
    """One environment of the dataset. name: of the room, unique over splits and seeds."""

    name: str
    split: Split
    rig: SimulatedRig
    room: Room
    moments: tuple[Moment, ...]

    @property
    def people(self) -> tuple[ScenePerson, ...]:
        """Everybody of all moments."""
        return tuple(p for moment in self.moments for p in moment.people)


def make_scene(
    split: Split,
    seed: int,
    index: int,
    moments: int,
    family: str,
    conditions: str = "field",
    people: tuple[int, int] = (1, 1),
    poses: Poses = "everyday",
    distance_m: tuple[float, float] = DISTANCE_M,
    heights_m: tuple[float, float] | None = None,
) -> Scene:
    """Scene number `index`. family: one of `rigs.FAMILIES`. conditions: one of
    `conditions.CONDITIONS`. people: least and most in each moment. poses: that people take.
    distance_m, heights_m: of the people, as `Casting`. Raises ConfigError, SimulationError.
    """
    given = CONDITIONS[conditions]
    rng = scene_rng(split, seed, index, 0)
    across, along, up = (float(rng.uniform(*ends)) for ends in SIZE_M)
    least, most = distance_m
    farthest = float(
        np.clip(along - CAMERA_TO_WALL_M - 0.6, min(least + FARTHEST_OVER_M, most), most)
    )
    camera = sample_camera(rng, farthest, given)
    rig = sample_rig(rng, camera, family)
    casting = Casting(rng, split, camera, farthest, given, poses, distance_m, heights_m)
    crowd = [casting.moment(people) for _ in range(moments)]
    # The air drifts one way, so that from one moment to the next it has moved little.
    drift = rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(*DRIFT_LOG_C)
    crowd = [replace(m, warmth_c=float(drift * (k + 1) / moments)) for k, m in enumerate(crowd)]
    inside = np.concatenate(
        [
            rig.true.speakers,
            rig.true.mics,
            *(
                camera.from_room(_corners(p.posed.vertices.astype(np.float64)))
                for m in crowd
                for p in m.people
            ),
        ]
    )
    absorption = rng.uniform(0.03, 0.2), rng.uniform(0.25, 0.7)
    pieces = int(rng.integers(1, 7))
    room = random_room(
        rng,
        camera.room_rotation,
        float(camera.height_m or 0.0),
        inside,
        size_m=(across, along, up),
        absorption=absorption,
        pieces=pieces,
    )
    return Scene(f"{split}-{seed}-{index:06d}", split, rig, room, tuple(crowd))


def scene_rng(split: Split, seed: int, index: int, purpose: int) -> Rng:
    """The random generator for one purpose in one scene."""
    return np.random.default_rng([SPLITS.index(split), seed, index, purpose])


def sample_camera(
    rng: Rng, farthest_m: float, conditions: Conditions = CONDITIONS["field"]
) -> Camera:
    """A camera on a shelf or wall with people at up to this distance in view.

    640 x 480 pixels with varied focal lengths; the hips of a standing person at that distance are
    near the image's middle.
    """
    height = rng.uniform(*(LEVEL_HEIGHT_M if conditions.level else CAMERA_HEIGHT_M))
    focal = FOCAL_PX * np.exp(rng.normal(0.0, 0.1))
    cx, cy = WIDTH / 2 + rng.normal(0.0, 6.0), HEIGHT / 2 + rng.normal(0.0, 6.0)
    hips = np.degrees(np.arctan2(height - HIPS_M, farthest_m))
    half = np.degrees(np.arctan(0.5 * HEIGHT / focal))
    tilt = float(np.clip(rng.uniform(hips - 0.5 * half, hips + 0.5 * half), *conditions.tilt_deg))
    roll = 0.0 if conditions.level else float(rng.normal(0.0, 1.0))
    return Camera(
        WIDTH, HEIGHT, focal, focal, cx, cy, height_m=float(height), tilt_deg=tilt, roll_deg=roll
    )


def _corners(points: Array) -> Array:
    """Corners of the bottom and one of the top (5, 3) of the box around points (K, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return np.array(
        [
            low,
            [low[0], high[1], low[2]],
            [high[0], low[1], low[2]],
            [high[0], high[1], low[2]],
            high,
        ]
    )
