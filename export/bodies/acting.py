"""People who move: key poses joined by smooth motion, motion capture and walks, at a steady rate.

Room frame: x right, y away from the camera, z up, origin on the floor. A pose that faces -y faces
the camera.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import Posture
from export.bodies.body import Body, PosedBody, pose_body
from export.bodies.mocap import clip_pose, load_clips
from export.bodies.poses import upright
from export.bodies.skeleton import Pose, partial_rotation, unit

RATE_HZ = 10.0
WALK_CLIP = "walker_0walk_forward"
CLIP_LEG_M = 0.83  # hip joint to sole of the skeleton that was captured
SWAY_M = 0.008


@dataclass(eq=False)
class ActedTake:
    """A take. joints: (N, 25, 3) BODY_25, room frame [m], at RATE_HZ. postures: (N,), "unknown" in
    transitions. parts: (N,) name of what is being done. falls: frames at which a fall has ended.
    """

    name: str
    body: Body
    joints: list[Array] = field(default_factory=list)
    postures: list[Posture] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    falls: list[int] = field(default_factory=list)


class Actor:
    """A person who starts upright at a place (2,) [m]; each method adds a motion to `take`."""

    def __init__(
        self,
        name: str,
        body: Body,
        rng: np.random.Generator,
        place: Array,
        heading_rad: float = 0.0,
    ) -> None:
        self.take = ActedTake(name, body)
        self._rng = rng
        self._part = name
        self._sway = np.zeros(2)
        self.body, self.place, self.heading_rad = body, np.asarray(place, np.float64), heading_rad
        self.pose, self.raised_m = upright(body).turned(heading_rad), 0.0
        self.posture: Posture = "standing"
        self.walk_clip = WALK_CLIP
        self._posed: tuple[Pose, Array] | None = None

    def hold(self, seconds: float) -> None:
        """Keep the pose, swaying a little."""
        for _ in range(round(seconds * RATE_HZ)):
            self._show(self.pose, self.raised_m, self.place, self.posture)

    def to(
        self,
        pose: Pose,
        seconds: float,
        posture: Posture,
        *,
        raised_m: float = 0.0,
        shift: Array | None = None,
        power: float = 0.0,
    ) -> None:
        """Move into a pose. raised_m: height of what the lowest point rests on. shift: (2,) of the
        mid-hip [m]. power: 0 starts and ends gently, 2 accelerates to the end as a falling body
        does.
        """
        posed = replace(pose, root_height=float("nan"))
        # A pose may have a clearance of its own: a seated person whose feet hang.
        raised_m += pose_body(self.body, pose).clearance_m
        start, start_raised, start_place = self.pose, self.raised_m, self.place
        end_place = start_place + (np.zeros(2) if shift is None else shift)
        steps = max(round(seconds * RATE_HZ), 1)
        for k in range(1, steps + 1):
            t = k / steps
            w = t**power if power else t * t * (3.0 - 2.0 * t)
            between = _blend(start, posed, w)
            label: Posture = posture if w > 0.9 else self.posture if w < 0.1 else "unknown"
            self._show(
                between,
                start_raised + w * (raised_m - start_raised),
                start_place + w * (end_place - start_place),
                label,
            )
        self.pose, self.raised_m, self.place, self.posture = posed, raised_m, end_place, posture

    def upright(self, seconds: float, power: float = 0.0) -> None:
        """Stand up."""
        self.to(upright(self.body).turned(self.heading_rad), seconds, "standing", power=power)

    def walk(self, target: Array, speed_m_s: float = 0.9) -> None:
        """Turn to a place (2,) [m] on the floor and walk there."""
        way = np.asarray(target, np.float64) - self.place
        distance = float(np.hypot(*way))
        if distance < 0.05:
            return
        clip = load_clips()[self.walk_clip]
        self.heading_rad = float(np.arctan2(way[0], -way[1]))
        self.to(self._clip_pose(self.walk_clip, 0, 0), 0.7, "standing")
        start, steps = self.place, max(round(distance / speed_m_s * RATE_HZ), 1)
        stride_m = (
            float(np.hypot(*(clip.of(len(clip) - 1, "hips") - clip.of(0, "hips"))[:2]))
            * self.body.leg_m
            / CLIP_LEG_M
        )
        for k in range(1, steps + 1):
            frame = int(distance * k / steps / stride_m * len(clip)) % len(clip)
            self.pose = self._clip_pose(self.walk_clip, frame, 0)
            self._show(self.pose, 0.0, start + way * k / steps, "walking")
        self.place = start + way
        self.upright(0.5)

    def clip(self, name: str, *, backwards: bool, speed: float, ends: Posture) -> None:
        """Play a captured motion from the present place, `speed` times as fast."""
        clip = load_clips()[name]
        upright_frame = len(clip) - 1 if backwards else 0
        length = len(clip) / clip.rate_hz / speed
        frames = np.linspace(0, len(clip) - 1, max(round(length * RATE_HZ), 2)).round().astype(int)
        frames = frames[::-1] if backwards else frames
        self.to(self._clip_pose(name, int(frames[0]), upright_frame), 0.4, self.posture)
        origin = self.place
        turn = _plane_turn(self._clip_yaw(name, upright_frame) + self.heading_rad)
        for frame in frames:
            moved = (
                (clip.of(int(frame), "hips") - clip.of(int(frames[0]), "hips"))[:2]
                * self.body.leg_m
                / CLIP_LEG_M
            )
            self.pose = self._clip_pose(name, int(frame), upright_frame)
            self.place = origin + turn @ moved
            self._show(self.pose, 0.0, self.place, "unknown")
        self.posture = ends

    def part(self, name: str) -> None:
        """Name the following part of the take."""
        self._part = name

    def fallen(self) -> None:
        """Note the frame since which the trunk is on the floor; call it after a hold there."""
        trunk = np.array([joints[[1, 8], 2].mean() for joints in self.take.joints])
        higher = np.flatnonzero(trunk > np.median(trunk[-10:]) + 0.15)
        self.take.falls.append(int(higher[-1]) + 1)

    def _clip_pose(self, name: str, frame: int, upright_frame: int) -> Pose:
        pose = clip_pose(load_clips()[name], frame)
        return replace(
            pose.turned(self._clip_yaw(name, upright_frame) + self.heading_rad),
            root_height=float("nan"),
        )

    def _clip_yaw(self, name: str, upright_frame: int) -> float:
        """The yaw that removes the clip's heading in its upright frame."""
        forward = -clip_pose(load_clips()[name], upright_frame).pelvis[:, 1]
        return float(-np.arctan2(forward[0], -forward[1]))

    def _show(self, pose: Pose, raised_m: float, place: Array, posture: Posture) -> None:
        self._sway = 0.9 * self._sway + self._rng.normal(0.0, SWAY_M * 0.44, 2)
        if self._posed is None or self._posed[0] is not pose:  # else it is held
            self._posed = pose, pose_body(self.body, pose).joints.astype(np.float64)
        joints = self._posed[1]
        self.take.joints.append(joints + np.array([*(place + self._sway), raised_m]))
        self.take.postures.append(posture)
        self.take.parts.append(self._part)


class Performer(Actor):
    """An actor whose skin is kept, too. shown: one for each frame of the take, room frame."""

    def __init__(
        self,
        name: str,
        body: Body,
        rng: np.random.Generator,
        place: Array,
        heading_rad: float = 0.0,
    ) -> None:
        super().__init__(name, body, rng, place, heading_rad)
        self.shown: list[PosedBody] = []

    def _show(self, pose: Pose, raised_m: float, place: Array, posture: Posture) -> None:
        super()._show(pose, raised_m, place, posture)
        posed = pose_body(self.body, pose)
        self.shown.append(posed.moved(self.take.joints[-1][8] - posed.joints[8]))


def _blend(a: Pose, b: Pose, w: float) -> Pose:
    """The pose a share w of the way from a to b."""
    pelvis, chest, head = (
        partial_rotation(y @ x.T, w) @ x
        for x, y in ((a.pelvis, b.pelvis), (a.chest, b.chest), (a.head, b.head))
    )
    segments = unit((1.0 - w) * a.segments + w * b.segments)
    return replace(
        b, pelvis=pelvis, chest=chest, head=head, segments=segments, root_height=float("nan")
    )


def _plane_turn(yaw_rad: float) -> Array:
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s], [s, c]])
