"""Stick figures in the room frame, and what the activity tracker makes of them."""

import numpy as np

from edge.behaviour.posture import ActivityTracker
from edge.core.arrays import Array
from edge.core.pose import Activity, LiftedPose, ScaleSource
from edge.lifting.shape import standing_height

# Standing, facing +y, height 1; limb lengths of Drillis and Contini. x right, y forward, z up,
# mid-hip above the origin.
_HIP, _TRUNK, _THIGH, _SHANK = 0.53, 0.288, 0.245, 0.246


def figure(
    height_m: float = 1.75,
    place: tuple[float, float] = (0.0, 3.0),
    heading_deg: float = 0.0,
    *,
    hip: float = _HIP,
    lean_deg: float = 0.0,
    thigh_deg: float = 0.0,
    shank_deg: float = 0.0,
) -> Array:
    """Joints (15, 3) [m]. hip: its height in body heights. Angles forward of: upright (trunk),
    straight down (thigh, shank).
    """
    lean, thigh, shank = np.radians([lean_deg, thigh_deg, shank_deg])
    up = np.array([0.0, np.sin(lean), np.cos(lean)])
    knee = _THIGH * np.array([0.0, np.sin(thigh), -np.cos(thigh)])
    ankle = knee + _SHANK * np.array([0.0, np.sin(shank), -np.cos(shank)])
    right = np.array([1.0, 0.0, 0.0])
    joints = np.zeros((15, 3))
    joints[0], joints[1] = (_TRUNK + 0.1) * up, _TRUNK * up
    for side, (shoulder, elbow, wrist, leg) in ((1.0, (2, 3, 4, 9)), (-1.0, (5, 6, 7, 12))):
        joints[shoulder] = _TRUNK * up + side * 0.1 * right
        joints[elbow], joints[wrist] = joints[shoulder] - 0.186 * up, joints[shoulder] - 0.332 * up
        joints[leg : leg + 3] = np.array([np.zeros(3), knee, ankle]) + side * 0.06 * right
    turn = np.radians(heading_deg)
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]]
    )
    return np.asarray(height_m * (joints + np.array([0.0, 0.0, hip])) @ rotation.T + [*place, 0.0])


def seated(height_m: float = 1.75, **changes: float) -> Array:
    """On a chair, thighs level."""
    return figure(height_m, **{"hip": 0.3, "thigh_deg": 90.0} | changes)  # type: ignore[arg-type]


def lying(
    height_m: float = 1.75, hip_m: float = 0.12, place: tuple[float, float] = (0.0, 3.0)
) -> Array:
    """On the back, everything level, the hips so high."""
    return figure(
        height_m, place, hip=hip_m / height_m, lean_deg=-90.0, thigh_deg=90.0, shank_deg=90.0
    )


def watch(
    tracker: ActivityTracker,
    poses: list[Array],
    start_s: float = 1.0,
    *,
    confidence: float | Array = 0.9,
    scale_source: ScaleSource = "sound",
    room: bool = True,
    step_s: float = 0.1,
) -> list[Activity]:
    """The activities that the tracker tells while these poses (15, 3) come in, one each step."""
    out = []
    for k, joints in enumerate(poses):
        pose = LiftedPose(
            joints, np.full(15, 0.05), np.broadcast_to(confidence, 15).copy(), scale_source, 10.0
        )
        out.append(tracker(pose, joints if room else None, round((start_s + k * step_s) * 1e9)))
    return out


def noisy(poses: list[Array], sigma_m: float, seed: int = 0) -> list[Array]:
    """Poses with independent errors in each joint."""
    rng = np.random.default_rng(seed)
    return [p + rng.normal(0.0, sigma_m, p.shape) for p in poses]


assert abs(standing_height(figure(1.75)) - 1.75) < 0.02
