"""People of known build without a simulator."""

import numpy as np
import numpy.typing as npt

from edge.behaviour.activity import ActivityTracker
from edge.core.arrays import Array
from edge.core.pose import Activity, Keypoints, LiftedPose, ScaleSource
from edge.core.rig import Camera, Rig
from edge.core.stature import standing_height

STANDING = np.array(
    [  # BODY_25, camera frame (y down), facing the camera at 3 m, feet on a floor 1.2 m below it
        [0.0, -0.38, 2.9], [0.0, -0.2, 3.0], [-0.18, -0.2, 3.0], [-0.22, 0.1, 3.0],
        [-0.23, 0.35, 2.97], [0.18, -0.2, 3.0], [0.22, 0.1, 3.0], [0.23, 0.35, 2.97],
        [0.0, 0.3, 3.0], [-0.09, 0.3, 3.0], [-0.1, 0.71, 3.0], [-0.1, 1.12, 3.02],
        [0.09, 0.3, 3.0], [0.1, 0.71, 3.0], [0.1, 1.12, 3.02], [-0.03, -0.42, 2.92],
        [0.03, -0.42, 2.92], [-0.07, -0.4, 3.0], [0.07, -0.4, 3.0], [0.12, 1.17, 2.84],
        [0.15, 1.17, 2.87], [0.1, 1.17, 3.06], [-0.12, 1.17, 2.84], [-0.15, 1.17, 2.87],
        [-0.1, 1.17, 3.06],
    ]
)  # fmt: skip
CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.2)


def standing(
    height_m: float = 1.7, position: tuple[float, float] = (0.0, 3.0), lean: float = 0.0
) -> npt.NDArray[np.float64]:
    """BODY_25 joints (25, 3), camera frame, of somebody at floor (right, forward) [m]."""
    h = height_m
    hip, shoulder = 0.491 * h, 0.779 * h  # heights of the joints: shank + thigh, + trunk
    side = {"shoulder": 0.11 * h, "hip": 0.055 * h}
    room = np.full((25, 3), np.nan)
    room[0] = [0.0, -0.1, 0.92 * h]
    room[1], room[8] = [0, 0, shoulder], [0, 0, hip]
    for sign, first in ((-1, 2), (1, 5)):
        x = sign * side["shoulder"]
        room[first : first + 3] = [
            [x, 0, shoulder],
            [x, 0, shoulder - 0.186 * h],
            [x, -0.02, shoulder - 0.331 * h],
        ]
    for sign, first in ((-1, 9), (1, 12)):
        x = sign * side["hip"]
        room[first : first + 3] = [[x, 0, hip], [x, 0, 0.246 * h], [x, 0, 0.0]]
    room[:, 1] += lean * room[:, 2]
    return CAMERA.from_room(room + np.array([position[0], position[1], 0.0]))


def seen(
    joints: npt.NDArray[np.float64], camera: Camera = CAMERA, noise_px: float = 0.0
) -> Keypoints:
    """What a detector gives for these joints."""
    known = np.isfinite(joints[:, 0])
    pixels = np.zeros((25, 3))
    pixels[:, :2] = np.nan
    pixels[known, :2] = camera.project(joints[known]) + np.random.default_rng(0).normal(
        0, noise_px, (known.sum(), 2)
    )
    pixels[known, 2] = 1.0
    return Keypoints(pixels, 1.0)


def compact_rig(camera: Camera = CAMERA) -> Rig:
    """One speaker 10 cm beside a six-microphone ring of 46 mm radius."""
    a = np.arange(6) * np.pi / 3
    mics = np.stack([0.0463 * np.cos(a), 0.0463 * np.sin(a) + 0.06, 0.0 * a], axis=1)
    return Rig(
        np.array([[0.1, 0.06, 0.0]]), mics, np.array([[0, m] for m in range(6)]), camera, 343.4
    )


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
    """Joints (15, 3) [m]. hip: height in body heights. Angles forward of upright."""
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


# Somebody walks about below a camera that hangs so high, whatever height was told of it.
HANGS_M = 1.5
WALK = [figure(place=(x, y)) for y in (2.0, 3.0, 4.0) for x in (-1.0, 0.0, 1.0)]


def hung_camera(height_m: float | None) -> Camera:
    return Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=height_m, tilt_deg=10.0)


def lifted(
    room: Array, source: ScaleSource = "sound", jitter_m: float = 0.0, seed: int = 0
) -> LiftedPose:
    """A pose as the camera really sees it. room: joints (15, 3) above the real floor [m]."""
    real = hung_camera(HANGS_M)
    joints = (room - [0.0, 0.0, HANGS_M]) @ real.room_rotation
    joints += np.random.default_rng(seed).normal(0.0, jitter_m, 3)
    return LiftedPose(joints, np.full(15, 0.1), np.full(15, 0.9), source, 10.0, 2.0, 0.95)


WALK_POSES = [lifted(p) for p in WALK]
