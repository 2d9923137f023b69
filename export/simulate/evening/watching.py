"""What the detector finds in each image of an evening: the same for every policy.

Its errors last. Who keeps still is found with the same ones for seconds: a network that sees the
same picture again is wrong again by the same. Of who moves they change as on real frames.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.pose import Keypoints
from edge.core.rig import Camera
from export.bodies.acting import RATE_HZ
from export.simulate.evening.home import Evening
from export.simulate.evening.script import STILL
from export.simulate.moving.lasting_errors import LastingDetector
from export.simulate.moving.sights import joints_shown, sights

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
    moving: dict[int, LastingDetector] = {}
    out = []
    for period in range(0, evening.periods, every):
        joints = evening.joints(period)
        hidden = ~joints_shown(joints, camera)
        found: Found = []
        for q, drawn in sights(rng, joints, camera):
            if evening.roles[q].states[period] not in STILL:
                if q not in moving:
                    own = np.random.default_rng([*evening.seed, 23, q, period])
                    moving[q] = LastingDetector(own)
                pixels = moving[q](joints[q], camera, period / RATE_HZ)
                unseen = drawn.pixels[hidden[q], 2]
                pixels[hidden[q], 2] = np.minimum(pixels[hidden[q], 2], unseen)
                found.append((q, Keypoints(pixels, float(pixels[:19, 2].mean()))))
            elif q in held and period < held[q].until:
                found.append((q, _again(held[q], joints[q], camera, rng)))
            else:
                found.append((q, drawn))
                held[q] = _Held(drawn, joints[q], period + rng.exponential(SAME_S) * RATE_HZ)
        for q, role in enumerate(evening.roles):
            forgotten = moving if role.states[period] in STILL else held
            forgotten.pop(q, None)
        out.append(found)
    return out


def _again(held: _Held, joints: Array, camera: Camera, rng: Rng) -> Keypoints:
    """The same errors at joints (25, 3) [m], which have moved a little."""
    moved = camera.project(joints) - camera.project(held.joints)
    pixels = held.keypoints.pixels.copy()
    pixels[:, :2] += moved + rng.normal(0.0, JITTER_PX, moved.shape)
    return Keypoints(pixels, held.keypoints.score)
