"""Random changes of a scene's room: what stood there before, and what stands there after."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edge.core.arrays import Array, ComplexArray, Rng
from edge.core.rig import Camera
from export.acoustics.shoebox import Room
from export.acoustics.surface import MeshSampler, Surface, roughen
from export.bodies.body import Split, pose_body, sample_body
from export.bodies.poses import sample_pose
from export.simulate.changes.things import DOOR_M, chair, curtain, door_leaf, pet
from export.simulate.conditions import joints_in_view
from export.simulate.room_sound import RoomSound

ChangeKind = Literal["chair", "door", "curtain", "pet", "person"]
# How often each is drawn for training.
KINDS: dict[ChangeKind, float] = {
    "chair": 0.3,
    "door": 0.15,
    "curtain": 0.1,
    "pet": 0.25,
    "person": 0.2,
}
TRIES = 60
WALL_M = 0.05  # between a thing and a wall
FROM_DEVICES_M, FROM_PEOPLE_M = 0.25, 0.15
MOVED_M = (0.3, 3.0)
ANCHORS = 24


@dataclass(frozen=True, eq=False)
class Thing:
    """Something at its place. surface: camera frame [m]. reflection: of pressure, 0..1. anchors:
    (A, 3) points of it that the late tail moves with.
    """

    surface: Surface
    reflection: float
    anchors: Array

    def response(self, sound: RoomSound, temperature_c: float) -> ComplexArray:
        """Spectra (S, M, F) of what it changes in the room, as `RoomSound.body`."""
        return sound.body(
            self.surface, temperature_c, echo_gain=self.reflection, anchors=self.anchors
        )


@dataclass(frozen=True, eq=False)
class Change:
    """before: what stood there until then, None where it was brought. after: None where it is gone.
    At least one is given.
    """

    kind: ChangeKind
    before: Thing | None
    after: Thing | None

    def response(self, sound: RoomSound, temperature_c: float) -> ComplexArray:
        """Spectra (S, M, F) of what the change adds to the room: after minus before."""
        parts = [
            sign * thing.response(sound, temperature_c)
            for sign, thing in ((1.0, self.after), (-1.0, self.before))
            if thing is not None
        ]
        return np.asarray(sum(parts[1:], start=parts[0]), np.complex64)


class RoomChanges:
    """Draws changes of one room."""

    def __init__(
        self,
        room: Room,
        camera: Camera,
        devices: Array,
        people: Array,
        *,
        sampler: MeshSampler,
        split: Split,
        spacing_m: float,
    ) -> None:
        """devices, people: (K, 3) points [m], camera frame, that nothing may stand in. sampler: of
        the bodies of people out of view, who are of this split. spacing_m: of the patches.
        """
        self._room, self._camera = room, camera
        self._devices = room.place(devices)
        self._people = room.place(people) if len(people) else np.zeros((0, 3))
        self._sampler, self._split, self._spacing = sampler, split, spacing_m
        self._draw: dict[ChangeKind, Callable[[Rng], Change | None]] = {
            "chair": self._chair,
            "door": self._door,
            "curtain": self._curtain,
            "pet": self._pet,
            "person": self._person,
        }

    def draw(self, rng: Rng, kind: ChangeKind | None = None) -> Change:
        """A change of this kind, or of a random one of KINDS. Where a room has no place for it, a
        door is opened instead.
        """
        if kind is None:
            kind = rng.choice(np.array(list(KINDS), object), p=list(KINDS.values()))
        return self._draw[kind](rng) or self._door(rng)

    def standing(self, surface: Surface, reflection: float, place: Array, yaw: float) -> Thing:
        """A thing of `things` at a place (2,) [m] of the room's own frame, turned by yaw [rad]."""
        turn = _yaw(yaw)
        own = surface.moved(turn, np.array([*place, 0.0]))
        return self._thing(own, reflection)

    def _thing(self, own: Surface, reflection: float) -> Thing:
        back = self._room.rotation.T
        surface = own.moved(back, -back @ self._room.translation)
        step = max(1, len(surface.points) // ANCHORS)
        return Thing(surface, reflection, surface.points[::step])

    def _chair(self, rng: Rng) -> Change | None:
        made, reflection = chair(rng, self._spacing), float(rng.uniform(0.5, 0.95))
        return self._moved(rng, "chair", made, reflection, brought=0.4)

    def _pet(self, rng: Rng) -> Change | None:
        made = pet(rng, str(rng.choice(["cat", "dog"])), self._spacing)
        return self._moved(rng, "pet", made, float(rng.uniform(0.3, 0.7)), brought=0.5)

    def _moved(
        self, rng: Rng, kind: ChangeKind, made: Surface, reflection: float, brought: float
    ) -> Change | None:
        radius = float(np.linalg.norm(made.points[:, :2], axis=1).max())
        there = self.free_place(rng, radius, None)
        if there is None:
            return None
        after = self.standing(made, reflection, there, rng.uniform(0.0, 2.0 * np.pi))
        here = None if rng.random() < brought else self.free_place(rng, radius, there)
        if here is None:
            return Change(kind, None, after)
        before = self.standing(made, reflection, here, rng.uniform(0.0, 2.0 * np.pi))
        return Change(kind, before, after)

    def _door(self, rng: Rng) -> Change:
        """A leaf that stands in the room; closed, it is part of the wall."""
        leaf = door_leaf(float(self._room.size_m[2]) - 0.05, self._spacing)
        reflection = float(rng.uniform(0.7, 0.95))
        best, clearance = None, -np.inf
        for _ in range(TRIES):
            corner, along, yaw = self._wall(rng)
            room = float(np.abs(along @ self._room.size_m[:2]))
            hinge = corner + along * rng.uniform(0.1, max(0.1, room - DOOR_M[0] - 0.1))
            opened = rng.choice([1.0, -1.0]) * np.radians(rng.uniform(60.0, 90.0))
            # Opened the other way the hinge is at the far side.
            start = hinge if opened > 0.0 else hinge + along * DOOR_M[0]
            inward = np.array([-along[1], along[0]])
            angle = yaw + (opened if opened > 0.0 else np.pi + opened)
            leaf_way = np.array([np.cos(angle), np.sin(angle)])
            ends = start + 0.03 * inward + np.linspace(0.0, DOOR_M[0], 9)[:, None] * leaf_way
            inside = ((ends > 0.0) & (ends < self._room.size_m[:2])).all()
            free = self._clearance(ends, 0.03) if inside else -np.inf
            if free > clearance or best is None:
                best, clearance = (start + 0.03 * inward, angle), free
            if clearance > 0.0:
                break
        assert best is not None
        thing = self.standing(leaf, reflection, *best)
        return Change("door", None, thing) if rng.random() < 0.7 else Change("door", thing, None)

    def _curtain(self, rng: Rng) -> Change | None:
        """Drawn to one side, or closed again."""
        height = min(float(rng.uniform(1.4, 2.4)), float(self._room.size_m[2]) - 0.1)
        reflection = float(rng.uniform(0.2, 0.6))
        for _ in range(TRIES):
            corner, along, yaw = self._wall(rng)
            room = float(np.abs(along @ self._room.size_m[:2]))
            width = min(rng.uniform(0.9, 2.2), room - 0.3)
            start = rng.uniform(0.1, room - width - 0.1)
            inward = np.array([-along[1], along[0]]) * rng.uniform(0.08, 0.15)
            ends = corner + inward + (start + np.linspace(0.0, width, 9))[:, None] * along
            if self._clearance(ends, 0.05) > 0.0:
                break
        else:
            return None
        gathered = 0.25 * width
        whole, part = (
            self.standing(
                curtain(rng, w, height, self._spacing),
                reflection,
                corner + inward + (start + 0.5 * w) * along,
                yaw,
            )
            for w in (width, gathered)
        )
        ways = (whole, part) if rng.random() < 0.5 else (part, whole)
        return Change("curtain", *ways)

    def _person(self, rng: Rng) -> Change | None:
        """Somebody beside or behind what the camera sees; half of them have moved."""
        body = sample_body(rng, self._split)
        posed = pose_body(body, sample_pose(rng, body, split=self._split))
        made = roughen(
            self._sampler.surface(posed.vertices.astype(np.float64)),
            float(rng.uniform(0.003, 0.006)),
            rng,
        )
        offset = posed.joints[8] * [1.0, 1.0, 0.0]
        made = made.moved(np.eye(3), -offset)
        joints = posed.joints - offset
        reflection = float(rng.uniform(0.5, 0.95))
        things = []
        for _ in range(1 if rng.random() < 0.5 else 2):
            place = self._out_of_view(rng, made, joints)
            if place is not None:
                things.append(self.standing(made, reflection, *place))
        if not things:
            return None
        return Change("person", things[1] if len(things) > 1 else None, things[0])

    def _out_of_view(self, rng: Rng, made: Surface, joints: Array) -> tuple[Array, float] | None:
        radius = float(np.linalg.norm(made.points[:, :2], axis=1).max())
        for _ in range(TRIES):
            yaw = float(rng.uniform(0.0, 2.0 * np.pi))
            place = self.free_place(rng, radius, None, tries=1)
            if place is None:
                continue
            own = joints @ _yaw(yaw).T + [*place, 0.0]
            seen = (own - self._room.translation) @ self._room.rotation
            if not joints_in_view(self._camera, seen).any():
                return place, yaw
        return None

    def free_place(
        self, rng: Rng, radius: float, near: Array | None, tries: int = TRIES
    ) -> Array | None:
        """A place (2,) [m], the room's own frame, for something of this radius; near: MOVED_M from
        there.
        """
        size = np.asarray(self._room.size_m)[:2]
        margin = radius + WALL_M
        if (size < 2.0 * margin).any():
            return None
        for _ in range(tries):
            place = rng.uniform(margin, size - margin)
            moved = MOVED_M[0] if near is None else float(np.linalg.norm(place - near))
            if MOVED_M[0] <= moved <= MOVED_M[1] and self._clearance(place[None], radius) > 0.0:
                return np.asarray(place)
        return None

    def _clearance(self, places: Array, radius: float) -> float:
        """Least distance [m] from discs around places (K, 2) to devices, people and furniture, over
        what is needed; negative where one is hit.
        """
        least = np.inf
        for points, needed in ((self._devices, FROM_DEVICES_M), (self._people, FROM_PEOPLE_M)):
            if len(points):
                apart = np.linalg.norm(points[None, :, :2] - places[:, None], axis=2).min()
                least = min(least, float(apart) - radius - needed)
        for box in self._room.furniture:
            low, high = np.array(box.low[:2]), np.array(box.high[:2])
            outside = np.maximum(np.maximum(low - places, places - high), 0.0)
            least = min(least, float(np.linalg.norm(outside, axis=1).min()) - radius)
        return least

    def _wall(self, rng: Rng) -> tuple[Array, Array, float]:
        """One of the four walls: its start (2,), the unit vector (2,) along it with the room on its
        left, and that vector's angle [rad].
        """
        x, y = np.asarray(self._room.size_m)[:2]
        k = int(rng.integers(4))
        corner = np.array([[0.0, 0.0], [x, 0.0], [x, y], [0.0, y]])[k]
        yaw = 0.5 * np.pi * k
        return corner, np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])[k], yaw


def _yaw(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
