"""Places on the floor where a camera sees all of somebody who stands there."""

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.rig import Camera
from export.bodies.body import Body, pose_body
from export.bodies.poses import upright
from export.simulate.conditions import joints_in_view

NEAREST_M, APART_M, TRIES = 1.7, 0.5, 4000
LEAST_SEEN = 12  # of the first 15 joints
ACROSS = 0.7  # of the image's half width


def places_in_view(
    rng: Rng,
    camera: Camera,
    body: Body,
    count: int,
    farthest_m: float,
    taken: Array | None = None,
    apart_m: float = APART_M,
) -> Array:
    """Up to `count` random places (K, 2) [m], room frame, at most so far away, `apart_m` from each
    other and from those taken (T, 2); fewer where there is no room for more.
    """
    half = np.arctan(0.5 * camera.width / camera.fx)
    stands = pose_body(body, upright(body)).joints[:15].astype(np.float64)
    others = [] if taken is None else list(taken)
    places: list[Array] = []
    for _ in range(TRIES):
        distance = rng.uniform(NEAREST_M, farthest_m)
        bearing = ACROSS * rng.uniform(-half, half)
        place = distance * np.array([np.sin(bearing), np.cos(bearing)])
        there = camera.from_room(stands + np.array([*place, 0.0]))
        if joints_in_view(camera, there).sum() >= LEAST_SEEN and all(
            np.linalg.norm(place - p) > apart_m for p in (*others, *places)
        ):
            places.append(place)
        if len(places) == count:
            break
    return np.array(places).reshape(-1, 2)
