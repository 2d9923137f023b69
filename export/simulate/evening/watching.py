"""What the detector finds in each image of an evening: the same for every policy.

Who keeps still is found with the same errors for seconds: a network that sees the same picture
again is wrong again by the same.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.pose import Keypoints
from edge.core.rig import Camera
from export.bodies.acting import RATE_HZ
from export.simulate.evening.home import Evening
from export.simulate.evening.script import STILL
from export.simulate.moving.sights import sights

SAME_S = 3.0  # mean time for which somebody who keeps still is found with the same errors
JITTER_PX = 1.0

Found = list[tuple[int, Keypoints]]


@dataclass(frozen=True, eq=False)
class _Held:
    """What was found, at which true joints (25, 3), and until which period it is found again."""

    keypoints: Keypoints
    joints: Array
    until: float


def watch(evening: Evening, every: int) -> list[Found]:
    """Row and 2D joints of whom the detector finds, the largest first, of the image in the middle
    of each `every`-th period.
    """
    rng = np.random.default_rng([*evening.seed, 23])
    camera = evening.sound.scene.rig.true.camera
    held: dict[int, _Held] = {}
    out = []
    for period in range(0, evening.periods, every):
        joints = evening.joints(period)
        found: Found = []
        for q, drawn in sights(rng, joints, camera):
            still = evening.roles[q].states[period] in STILL
            if still and q in held and period < held[q].until:
                found.append((q, _again(held[q], joints[q], camera, rng)))
                continue
            found.append((q, drawn))
            lasts = rng.exponential(SAME_S) * RATE_HZ if still else 0.0
            held[q] = _Held(drawn, joints[q], period + lasts)
        for q, role in enumerate(evening.roles):
            if role.states[period] not in STILL:
                held.pop(q, None)
        out.append(found)
    return out


def _again(held: _Held, joints: Array, camera: Camera, rng: Rng) -> Keypoints:
    """The same errors at joints (25, 3) [m], which have moved a little."""
    moved = camera.project(joints) - camera.project(held.joints)
    pixels = held.keypoints.pixels.copy()
    pixels[:, :2] += moved + rng.normal(0.0, JITTER_PX, moved.shape)
    return Keypoints(pixels, held.keypoints.score)
