"""Scenes of several people: each one's joints over time, in the room.

Room frame: x right, y away from the camera, z up, origin on the floor below the camera. People keep
to lanes of their own depth, so that nobody walks through anybody.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray, Rng
from edge.core.rig import Camera
from export.bodies.acting import RATE_HZ, Actor
from export.bodies.body import sample_body
from export.bodies.poses import sample_pose
from export.simulate.moving.sights import HIDDEN_SHARE, joints_shown

WIDTH, HEIGHT, FOCAL_PX = 640, 480, 480.0
IN_VIEW = 8  # of the first 15 joints: somebody with fewer is out of the image
LANE_M = 0.7  # least distance of two people's lanes
OUTSIDE_M = 0.7  # beside the image: there people stand before they come, and after they left
EMPTY_S = 2.5  # before the first person: the sensor learns the room
HIDDEN_S = (1.0, 3.0)
TRIES = 60


@dataclass(frozen=True, eq=False)
class MovingScene:
    """A scene at RATE_HZ. camera: that sees it. joints: (T, Q, 25, 3) BODY_25 joints of Q people,
    camera frame [m]; NaN while somebody is not in the room.
    """

    name: str
    camera: Camera
    joints: Array

    @property
    def in_view(self) -> BoolArray:
        """(T, Q): who is in the image, whether hidden by others or not."""
        inside = np.zeros(self.joints.shape[:2], bool)
        for at in np.argwhere(np.isfinite(self.joints[:, :, 8, 0])):
            body = self.joints[tuple(at)][:15]
            ahead = body[:, 2] > 0.2
            uv = self.camera.project(np.where(ahead[:, None], body, [0.0, 0.0, 1.0]))
            in_image = (uv >= 0.0).all(axis=1) & (uv < [WIDTH, HEIGHT]).all(axis=1)
            inside[tuple(at)] = (in_image & ahead).sum() >= IN_VIEW
        return inside

    @property
    def hidden(self) -> BoolArray:
        """(T, Q): who is in view but behind somebody else."""
        shown = np.array([joints_shown(people, self.camera) for people in self.joints])
        return np.asarray(self.in_view & (shown[..., :15].mean(axis=2) < HIDDEN_SHARE))


def sample_view(rng: Rng) -> Camera:
    """A camera on a shelf or wall: 1.0 to 2.0 m high, people at 1.8 to 4.5 m in view."""
    height = float(rng.uniform(1.0, 2.0))
    tilt = float(np.degrees(np.arctan2(height - 0.85, 3.0)) + rng.normal(0.0, 1.5))
    return Camera(
        WIDTH, HEIGHT, FOCAL_PX, FOCAL_PX, WIDTH / 2, HEIGHT / 2, height_m=height, tilt_deg=tilt
    )


def crossing(rng: Rng) -> MovingScene:
    """Two people walk past each other, in opposite directions or one faster than the other."""
    camera = sample_view(rng)
    near = float(rng.uniform(2.0, 3.2))
    depths = near, near + float(rng.uniform(LANE_M, 1.6))
    side = float(rng.choice([-1.0, 1.0]))
    actors = []
    for depth, way in zip(depths, (side, -side), strict=True):
        edge = 0.75 * _half_width(depth)
        actor = _actor(rng, [-way * edge, depth])
        actor.hold(float(rng.uniform(0.5, 1.5)))
        actor.walk(np.array([way * edge, depth]), float(rng.uniform(0.6, 1.2)))
        actor.hold(1.5)
        actors.append(actor)
    return _scene("crossing", camera, actors)


def occlusion(rng: Rng) -> MovingScene:
    """Two people walk; the farther one is hidden behind the nearer one for HIDDEN_S."""
    for _ in range(TRIES):
        scene = _occlusion(rng)
        hidden = scene.hidden
        longest = max(_longest(h) for h in hidden.T) / RATE_HZ
        if HIDDEN_S[0] <= longest <= HIDDEN_S[1] and not hidden[-10:].any():
            return scene
    raise RuntimeError(f"no occlusion of {HIDDEN_S} s in {TRIES} tries")


def _occlusion(rng: Rng) -> MovingScene:
    camera = sample_view(rng)
    near = float(rng.uniform(1.9, 2.5))
    far = near + float(rng.uniform(0.9, 1.8))
    side = float(rng.choice([-1.0, 1.0]))
    bearing = float(rng.uniform(-0.15, 0.15))
    front = _actor(rng, [side * 0.7 * _half_width(near), near])
    front.hold(0.5)
    front.walk(np.array([bearing * near, near]), float(rng.uniform(0.7, 1.1)))
    stands = len(front.take.joints) / RATE_HZ
    back = _actor(rng, [-side * 0.75 * _half_width(far), far])
    way = abs(bearing * far + side * 0.75 * _half_width(far))
    speed = float(rng.uniform(0.5, 1.0))
    back.hold(max(stands - way / speed, 0.3))
    goes_on = float(rng.choice([side, -side], p=[0.7, 0.3]))
    if goes_on == side and rng.random() < 0.5:  # passes behind without a stop
        speed = float(rng.uniform(0.35, 0.6))
    else:
        back.walk(np.array([bearing * far, far]), speed)
        back.hold(float(rng.uniform(0.0, 1.0)))
    back.walk(np.array([goes_on * 0.75 * _half_width(far), far]), speed)
    back.hold(1.5)
    late = max(len(back.take.joints) / RATE_HZ - stands - float(rng.uniform(0.5, 2.0)), 0.0)
    front.hold(late)
    front.walk(np.array([-goes_on * 0.7 * _half_width(near), near]), float(rng.uniform(0.7, 1.1)))
    return _scene("occlusion", camera, [front, back])


def come_and_go(rng: Rng, people: int = 4, seconds: float = 40.0) -> MovingScene:
    """People come in from the sides one by one, walk, stop, sit, and leave again."""
    camera = sample_view(rng)
    depths = 2.0 + LANE_M * np.arange(people) + rng.uniform(0.0, 0.15)
    actors = []
    for depth in rng.permutation(depths):
        actors.append(_visitor(rng, float(depth), float(rng.uniform(0.0, 0.5 * seconds))))
    return _scene("come and go", camera, actors, round(seconds * RATE_HZ))


def entrance(rng: Rng) -> MovingScene:
    """One person comes into the empty room from a side and stays."""
    camera = sample_view(rng)
    depth = float(rng.uniform(1.8, 4.2))
    side = float(rng.choice([-1.0, 1.0]))
    actor = _actor(rng, [side * (_half_width(depth) + OUTSIDE_M), depth])
    actor.walk(np.array([side * rng.uniform(-0.4, 0.5) * _half_width(depth), depth]), _pace(rng))
    actor.hold(1.5)
    return _scene("entrance", camera, [actor])


def alone_and_back(rng: Rng) -> MovingScene:
    """Two people walk about and stop, each in an own lane, for a while."""
    camera = sample_view(rng)
    near = float(rng.uniform(2.0, 2.8))
    actors = []
    for depth in (near, near + float(rng.uniform(LANE_M, 1.3))):
        actor = _actor(rng, [rng.uniform(-0.7, 0.7) * _half_width(depth), depth])
        for _ in range(4):
            actor.hold(float(rng.uniform(0.5, 2.0)))
            actor.walk(np.array([rng.uniform(-0.7, 0.7) * _half_width(depth), depth]), _pace(rng))
        actors.append(actor)
    return _scene("walking about", camera, actors)


def _visitor(rng: Rng, depth: float, comes_s: float) -> Actor:
    """Comes, walks to a place, stands or sits there, and leaves."""
    half = _half_width(depth)
    comes, goes = rng.choice([-1.0, 1.0], 2)
    actor = _actor(rng, [comes * (half + OUTSIDE_M), depth])
    actor.hold(comes_s)
    actor.walk(np.array([rng.uniform(-0.7, 0.7) * half, depth]), _pace(rng))
    if rng.random() < 0.4:
        seat = sample_pose(rng, actor.body, "sit", heading_rad=0.0)
        actor.to(seat, float(rng.uniform(1.0, 2.0)), "sitting")
        actor.hold(float(rng.uniform(3.0, 8.0)))
        actor.upright(1.2)
    else:
        actor.hold(float(rng.uniform(1.0, 4.0)))
        actor.walk(np.array([rng.uniform(-0.7, 0.7) * half, depth]), _pace(rng))
        actor.hold(float(rng.uniform(1.0, 4.0)))
    actor.walk(np.array([goes * (half + OUTSIDE_M), depth]), _pace(rng))
    return actor


def _actor(rng: Rng, place: Sequence[float]) -> Actor:
    return Actor("", sample_body(rng), rng, np.asarray(place, np.float64))


def _pace(rng: Rng) -> float:
    return float(rng.uniform(0.6, 1.2))


def _half_width(depth_m: float) -> float:
    """Half of what the image shows across at this distance [m]."""
    return 0.5 * WIDTH / FOCAL_PX * depth_m


def _scene(
    name: str, camera: Camera, actors: Sequence[Actor], frames: int | None = None
) -> MovingScene:
    """All actors from the first frame on, after EMPTY_S with nobody. Who stands outside the image
    before coming or after leaving is not in the room.
    """
    length = frames or max(len(a.take.joints) for a in actors)
    empty = round(EMPTY_S * RATE_HZ)
    out = np.full((empty + length, len(actors), 25, 3), np.nan)
    for q, actor in enumerate(actors):
        room = np.array(actor.take.joints[:length])
        out[empty : empty + len(room), q] = camera.from_room(room)
        if frames is None and len(room) < length:  # keeps standing until the scene ends
            out[empty + len(room) :, q] = camera.from_room(room[-1])
    scene = MovingScene(name, camera, out)
    beyond = ~scene.in_view & beside_image(out, camera)
    out[beyond] = np.nan
    return scene


def beside_image(joints: Array, camera: Camera) -> BoolArray:
    """(T, Q): whose whole body is beside the image."""
    with np.errstate(invalid="ignore"):
        u = camera.cx + camera.fx * joints[..., :15, 0] / np.maximum(joints[..., :15, 2], 0.2)
        return np.asarray((u < 0.0).all(axis=-1) | (u > camera.width).all(axis=-1))


def _longest(hidden: BoolArray) -> int:
    """Length of the longest run."""
    most = run = 0
    for one in hidden:
        run = run + 1 if one else 0
        most = max(most, run)
    return most


SCENES: dict[str, Callable[[Rng], MovingScene]] = {
    "crossing": crossing,
    "occlusion": occlusion,
    "come and go": come_and_go,
    "entrance": entrance,
    "walking about": alone_and_back,
}
