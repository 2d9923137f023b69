"""Who is in a moment of a scene: random bodies in random poses, and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, BoolArray, Rng
from edge.core.errors import PosekernelError
from edge.core.rig import Camera
from export.bodies.body import PosedBody, Split, pose_body, sample_body
from export.bodies.poses import FREE_KIND, sample_pose
from export.simulate.conditions import Conditions, joints_in_view
from export.simulate.moments.standing import (
    ARRANGED,
    BESIDE_M,
    Crowd,
    Standing,
    hidden_joints,
    places_near,
    standing_of,
)

DISTANCE_M = (1.6, 4.5)
LEAST_SEEN = 8  # of the first 15 joints
LEAST_OPEN = 6  # of the first 15 joints, in view and not behind other people
TRIES = 60  # places tried for one pose before another is drawn
HOPELESS = 400
PICKY = 4  # poses tried before a room counts as too tight for the wanted view
LOOKS = 4  # places of one pose that are looked at closely
# everyday: of all kinds that people usually take, and of motion clips. free: any within the limits
# of the joints (`export.bodies.free_poses`).
Poses = Literal["everyday", "free"]
CLOSEST = ("touching", "in_front", "beside", "apart")


class SimulationError(PosekernelError, RuntimeError):
    """No such scene can be made."""


@dataclass(frozen=True, eq=False)
class ScenePerson:
    """A person in a pose; vertices and joints in the camera frame [m]. heading_deg: 0 faces the
    camera, to the left is positive.

    echo_gain: pressure reflection of the clothes. roughness_m: RMS of folds and bumps. standing:
    how with respect to the others of the moment, "" without any. hidden: (25,) joints that the
    camera does not see because of them.
    """

    posed: PosedBody
    vertices: Array
    joints: Array
    heading_deg: float
    echo_gain: float
    roughness_m: float
    standing: Standing | Literal[""]
    hidden: BoolArray


@dataclass(frozen=True, eq=False)
class Moment:
    """Those who are in the room together. sir_db: of everybody over noise. warmth_c: warming of the
    air since the empty room was learned.
    """

    people: tuple[ScenePerson, ...]
    sir_db: float
    warmth_c: float

    @property
    def standing(self) -> str:
        """The closest arrangement of any two: touching, in_front, beside or apart."""
        found = {"in_front" if p.standing == "behind" else p.standing for p in self.people}
        return next((kind for kind in CLOSEST if kind in found), "")


class Casting:
    """Draws the moments of one scene."""

    def __init__(
        self,
        rng: Rng,
        split: Split,
        camera: Camera,
        farthest_m: float,
        conditions: Conditions,
        poses: Poses = "everyday",
        distance_m: tuple[float, float] = DISTANCE_M,
        heights_m: tuple[float, float] | None = None,
    ) -> None:
        """farthest_m: people stand no farther, where there is another way. distance_m: least and
        greatest, over the floor. heights_m: standing, evenly spread; None: as people are.
        """
        self._rng, self._split, self._camera = rng, split, camera
        self._farthest, self._conditions = farthest_m, conditions
        self._kind = FREE_KIND if poses == "free" else None
        self._distance, self._heights = distance_m, heights_m
        self._half = np.arctan(0.5 * camera.width / camera.fx)

    def moment(self, people: tuple[int, int]) -> Moment:
        """A moment of so many people (least, most). Raises SimulationError."""
        least, most = people
        count = least if least == most else int(self._rng.integers(least, most + 1))
        first = self._first()
        sir_db = float(self._rng.uniform(*self._conditions.sir_db))
        group = [self._dressed(first)]
        if count > 1:
            group = self._gather(group, count)
        return Moment(tuple(group), sir_db, 0.0)

    def _first(self) -> PosedBody:
        rng, conditions = self._rng, self._conditions
        partly = rng.random() < conditions.partly_seen
        for attempt in range(HOPELESS):
            posed = self._somebody()
            # After many tries the room may grow.
            places = self._anywhere(attempt, partly)
            fitting = self._in_view(posed, places, partly, attempt)
            if len(fitting):
                return posed.moved(places[fitting[0]])
        raise SimulationError(
            f"no place was found in {HOPELESS} tries where {self._camera} has enough of a person "
            "in view"
        )

    def _gather(self, group: list[ScenePerson], count: int) -> list[ScenePerson]:
        """Those of a group and others who join them."""
        crowd = Crowd(group[0].posed.faces)
        crowd.add(group[0].posed.vertices)
        gaps = np.full((count, count), np.inf)
        while len(group) < count:
            joined = self._joining(group, crowd)
            person = self._dressed(joined)
            n = len(group)
            gaps[n, :n] = gaps[:n, n] = crowd.gaps_m(joined.vertices, BESIDE_M)
            crowd.add(joined.vertices)
            group.append(person)
        hidden = np.array([[hidden_joints(p.joints, [o.vertices]) for p in group] for o in group])
        hidden[range(count), range(count)] = False
        hides = hidden[..., :15].sum(axis=-1)
        return [
            replace(
                p, standing=standing_of(gaps, hides, k), hidden=np.asarray(hidden[:, k].any(axis=0))
            )
            for k, p in enumerate(group)
        ]

    def _joining(self, group: Sequence[ScenePerson], crowd: Crowd) -> PosedBody:
        rng, conditions = self._rng, self._conditions
        kinds = np.array(list(ARRANGED), object)
        partly = rng.random() < conditions.partly_seen
        for attempt in range(HOPELESS):
            if attempt % PICKY == 0:
                kind: Standing = rng.choice(kinds, p=list(ARRANGED.values()))
            posed = self._somebody()
            if kind == "apart":
                places = self._anywhere(attempt, partly)
                ways = np.zeros((TRIES, 2))
            else:
                other = group[int(rng.integers(len(group)))].posed.joints[8, :2]
                places, ways = places_near(rng, kind, other.astype(np.float64), TRIES)
                places = np.column_stack([places, np.zeros(TRIES)])
            fitting = self._in_view(posed, places, partly, attempt)
            for k in fitting[:LOOKS]:
                moved = posed.moved(places[k])
                if ways[k].any():
                    step = crowd.touch(moved.vertices, ways[k])
                    if step is None:
                        continue
                    moved = moved.moved(step)
                if (crowd.gaps_m(moved.vertices) > 0.0).all() and self._open([*group, moved]):
                    return moved
        raise SimulationError(
            f"no place was found in {HOPELESS} tries where {self._camera} has enough of person "
            f"{len(group) + 1} in view"
        )

    def _somebody(self) -> PosedBody:
        height_m = None if self._heights is None else float(self._rng.uniform(*self._heights))
        body = sample_body(self._rng, self._split, height_m)
        return pose_body(body, sample_pose(self._rng, body, self._kind, self._split))

    def _anywhere(self, attempt: int, partly: bool) -> Array:
        rng, farthest = self._rng, self._farthest
        least, most = self._distance
        distance = rng.uniform(least, farthest if attempt < HOPELESS // 2 else most, TRIES)
        bearing = rng.uniform(-self._half, self._half, TRIES) * (1.0 if partly else 0.85)
        return np.stack(
            [distance * np.sin(bearing), distance * np.cos(bearing), 0.0 * distance], axis=1
        )

    def _in_view(
        self, posed: PosedBody, places: Array, partly: bool, attempt: int
    ) -> npt.NDArray[np.int64]:
        """Which places (K, 3) show as much of the body as wanted, at a distance that is wanted."""
        joints = posed.joints.astype(np.float64)
        seen = joints_in_view(
            self._camera, self._camera.from_room(joints[:15] + places[:, None])
        ).sum(axis=1)
        distance = np.linalg.norm(places[:, :2], axis=1)
        seen[(distance < self._distance[0]) | (distance > self._distance[1])] = 0
        fitting = np.flatnonzero((seen >= LEAST_SEEN) & (seen < 15) if partly else seen == 15)
        if len(fitting) == 0 and self._conditions.partly_seen and attempt >= PICKY:
            fitting = np.flatnonzero(seen >= LEAST_SEEN)
        return fitting

    def _open(self, group: Sequence[ScenePerson | PosedBody]) -> bool:
        """Whether the camera sees enough of everybody past the others."""
        bodies = [p.posed if isinstance(p, ScenePerson) else p for p in group]
        vertices = [self._camera.from_room(b.vertices.astype(np.float64)) for b in bodies]
        for k, body in enumerate(bodies):
            joints = self._camera.from_room(body.joints[:15].astype(np.float64))
            others = [v for i, v in enumerate(vertices) if i != k]
            hidden = hidden_joints(joints, others)
            if (joints_in_view(self._camera, joints) & ~hidden).sum() < LEAST_OPEN:
                return False
        return True

    def _dressed(self, posed: PosedBody) -> ScenePerson:
        rng, forward = self._rng, -posed.pose.pelvis[:, 1]
        return ScenePerson(
            posed=posed,
            vertices=self._camera.from_room(posed.vertices),
            joints=self._camera.from_room(posed.joints),
            heading_deg=float(np.degrees(np.arctan2(forward[0], -forward[1]))),
            echo_gain=float(rng.uniform(0.5, 0.95)),
            roughness_m=float(rng.uniform(0.003, 0.006)),
            standing="",
            hidden=np.zeros(len(posed.joints), bool),
        )
