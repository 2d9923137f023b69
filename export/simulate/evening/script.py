"""What people do on an evening, body by body: they come, walk, stand, sit, lie and leave.

Who keeps still breathes, sways a little and shifts now and then. Their bodies repeat, so that what
they change in the room is computed once for each phase of a breath.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from edge.core.arrays import Array, BoolArray, FloatArray, IntArray, Rng
from edge.core.pose import Posture
from edge.core.rig import Camera
from export.bodies.acting import RATE_HZ, Performer
from export.bodies.body import Body, pose_body
from export.bodies.breathing import breaths
from export.bodies.poses import sample_pose
from export.bodies.skeleton import Pose
from export.simulate.conditions import joints_in_view
from export.simulate.moving.scripts import OUTSIDE_M, beside_image

State = Literal["walking", "standing", "sitting", "lying", "moving", "away"]
STATES: tuple[State, ...] = get_args(State)
STILL: tuple[State, ...] = ("standing", "sitting", "lying")

PHASES, PERIODS_PER_PHASE = 16, 2  # of a breath of 3.2 s
SHIFT_EVERY_S, SHIFT_M = (20.0, 45.0), (0.012, 0.012, 0.004)
SWAY_M = {"standing": 0.004, "sitting": 0.0015, "lying": 0.0}
WALK_M_S = (0.7, 1.1)
LEAST_SEEN, POSES_TRIED = 12, 60


@dataclass(frozen=True, eq=False)
class Role:
    """One person's evening, in periods of 1 / RATE_HZ.

    body: who it is. joints: (B, 25, 3) and vertices: (B, V, 3) of the different bodies, camera
    frame [m]. rows: (K,) which of them at each period, -1 while the person is not in the room.
    states: (K,) one of State. velocity: (K, 3) of the mid-hip, camera frame [m/s].
    """

    body: Body
    joints: Array
    vertices: FloatArray
    rows: IntArray
    states: tuple[State, ...]
    velocity: Array

    @property
    def there(self) -> BoolArray:
        """(K,) whether the person is in the room."""
        return np.asarray(self.rows >= 0)

    def lasting(self, periods: int) -> "Role":
        """The same, and away until so many periods have passed in all."""
        more = max(periods - len(self.rows), 0)
        away: list[State] = ["away"] * more
        return Role(
            self.body,
            self.joints,
            self.vertices,
            np.append(self.rows, np.full(more, -1))[:periods],
            (*self.states, *away)[:periods],
            np.append(self.velocity, np.zeros((more, 3)), axis=0)[:periods],
        )


class Acting:
    """Makes a Role: each method adds something that the person does."""

    def __init__(self, rng: Rng, camera: Camera, body: Body, outside: Array) -> None:
        """outside: (2,) where the person stands at first, room frame [m], beside the image."""
        self._rng, self._camera = rng, camera
        self._performer = Performer("evening", body, rng, outside)
        self._joints: list[Array] = []
        self._vertices: list[FloatArray] = []
        self._rows: list[int] = []
        self._states: list[State] = []

    @property
    def seconds(self) -> float:
        """How long it lasts so far."""
        return len(self._rows) / RATE_HZ

    def away(self, seconds: float) -> None:
        """Out of the room."""
        self._add([-1] * round(seconds * RATE_HZ), "away")

    def walk(self, place: Array) -> None:
        """To a place (2,) [m], room frame."""
        begin = len(self._performer.shown)
        self._performer.walk(place, float(self._rng.uniform(*WALK_M_S)))
        self._moved(begin)

    def stand(self, seconds: float) -> None:
        """Stand there."""
        self._keep_still(seconds, "standing")

    def sit(self, seconds: float) -> None:
        """Sit down, keep sitting, and stand up."""
        self._rest("sit", 1.8, seconds, "sitting")

    def lie(self, seconds: float) -> None:
        """Lie down, keep lying, and get up."""
        self._rest("lie", 3.0, seconds, "lying")

    def role(self) -> Role:
        """All of it. Who is wholly beside the image is not in the room."""
        joints, rows = np.array(self._joints), np.array(self._rows, np.int64)
        seen = ~beside_image(joints[:, None], self._camera)[:, 0]
        rows = np.where((rows >= 0) & seen[rows], rows, -1)
        states: list[State] = [
            s if row >= 0 else "away" for s, row in zip(self._states, rows, strict=True)
        ]
        hips = np.where(rows[:, None] >= 0, joints[rows, 8], np.nan)
        velocity = np.gradient(hips, axis=0) * RATE_HZ
        still = np.array([s in STILL for s in states])[:, None]
        return Role(
            self._performer.body,
            joints,
            np.array(self._vertices, np.float32),
            rows,
            tuple(states),
            np.where(still | ~np.isfinite(velocity), 0.0, velocity),
        )

    def _rest(self, kind: str, takes_s: float, seconds: float, posture: Posture) -> None:
        begin = len(self._performer.shown)
        self._performer.to(self._pose_in_view(kind), takes_s, posture)
        self._moved(begin)
        self._keep_still(seconds, "sitting" if kind == "sit" else "lying")
        begin = len(self._performer.shown)
        self._performer.upright(takes_s)
        self._moved(begin)

    def _pose_in_view(self, kind: str) -> Pose:
        """A random pose of which the camera sees enough; the best of those tried."""
        place = np.array([*self._performer.place, 0.0])
        best: tuple[int, Pose] | None = None
        for _ in range(POSES_TRIED):
            pose = sample_pose(self._rng, self._performer.body, kind)
            joints = pose_body(self._performer.body, pose).joints[:15] + place
            seen = int(joints_in_view(self._camera, self._camera.from_room(joints)).sum())
            if best is None or seen > best[0]:
                best = seen, pose
            if seen >= LEAST_SEEN:
                break
        assert best is not None
        return best[1]

    def _moved(self, begin: int) -> None:
        """Take over what the performer has shown since."""
        take = self._performer.take
        for shown, posture in zip(
            self._performer.shown[begin:], take.postures[begin:], strict=True
        ):
            self._body(self._camera.from_room(shown.joints), self._camera.from_room(shown.vertices))
            self._add([len(self._joints) - 1], "walking" if posture == "walking" else "moving")

    def _keep_still(self, seconds: float, state: State) -> None:
        shown = self._performer.shown[-1]
        joints = self._camera.from_room(shown.joints)
        vertices = self._camera.from_room(shown.vertices)
        turn = 2.0 * np.pi * np.arange(PHASES) / PHASES
        loop = np.stack([np.sin(turn), np.cos(turn), 0.0 * turn], axis=1) * SWAY_M[state]
        left = round(seconds * RATE_HZ)
        while left > 0:
            length = min(left, round(self._rng.uniform(*SHIFT_EVERY_S) * RATE_HZ))
            shift = self._rng.normal(0.0, SHIFT_M)
            offsets = (shift + loop) @ self._camera.room_rotation
            first = len(self._joints)
            breathing = breaths(vertices, joints, PHASES)
            for breath, offset in zip(breathing, offsets, strict=True):
                self._body(joints + offset, breath + offset)
            phase = np.arange(length) // PERIODS_PER_PHASE % PHASES
            self._add((first + phase).tolist(), state)
            left -= length

    def _body(self, joints: Array, vertices: Array | FloatArray) -> None:
        self._joints.append(joints)
        self._vertices.append(np.asarray(vertices, np.float32))

    def _add(self, rows: list[int], state: State) -> None:
        self._rows += rows
        self._states += [state] * len(rows)


def spend_evening(
    rng: Rng, camera: Camera, body: Body, places: Array, *, before_s: float, scale: float
) -> Role:
    """Comes, stands, sits and lies in some order at places (4, 2) in view [m], room frame, walks
    about in between, and leaves. before_s: nobody is there at first. scale: of how long each lasts.
    """
    acting = _coming(rng, camera, body, places[0])
    acting.away(before_s)
    acting.walk(places[0])
    rests = [acting.stand, acting.sit, acting.lie]
    lasting = [(18.0, 25.0), (50.0, 70.0), (30.0, 40.0)]
    for n, which in enumerate(rng.permutation(3)):
        rests[which](scale * float(rng.uniform(*lasting[which])))
        acting.walk(places[(n + 1) % len(places)])
        acting.stand(scale * 3.0)
        acting.walk(places[(n + 2) % len(places)])
    acting.stand(scale * float(rng.uniform(8.0, 15.0)))
    acting.walk(_outside(rng, camera, places[3]))
    return acting.role()


def visit(
    rng: Rng, camera: Camera, body: Body, place: Array, *, before_s: float, scale: float
) -> Role:
    """Comes, walks to a place (2,), sits there for a while, and leaves."""
    acting = _coming(rng, camera, body, place)
    acting.away(before_s)
    acting.walk(place)
    acting.sit(scale * float(rng.uniform(25.0, 40.0)))
    acting.walk(_outside(rng, camera, place))
    return acting.role()


def _coming(rng: Rng, camera: Camera, body: Body, place: Array) -> Acting:
    return Acting(rng, camera, body, _outside(rng, camera, place))


def _outside(rng: Rng, camera: Camera, place: Array) -> Array:
    """A place (2,) beside the image, as far from the camera as `place`."""
    depth = float(place[1])
    half = 0.5 * camera.width / camera.fx * np.hypot(depth, camera.height_m or 0.0)
    return np.array([rng.choice([-1.0, 1.0]) * (half + OUTSIDE_M), depth])
