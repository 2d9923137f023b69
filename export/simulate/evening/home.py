"""A simulated home on one evening: room, devices, people and how loud everything is."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, IntArray
from export.bodies.acting import RATE_HZ
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import upright
from export.simulate.evening.ambience import Ambience
from export.simulate.evening.script import Role, spend_evening, visit
from export.simulate.moments.casting import Moment, ScenePerson
from export.simulate.moments.scene_sound import SceneSound
from export.simulate.moving.homes import DRIFT_C_PER_S, dweller, living_space
from export.simulate.moving.places import places_in_view
from export.simulate.scenes import DRIFT_LOG_C, Scene

PLACES, APART_M = 4, 0.7
VISITOR_APART_M = 0.9
BEFORE_S, AFTER_S = 10.0, 65.0  # nobody is there; a whole interval of the keep-alive afterwards
VISITOR_EVERY = 3  # of so many evenings one has a visitor
# dB(A) at 1 m of the continuous excitation at the configured level: METHOD's rooms stand for
# 60 to 80 dB SPL.
LOUDSPEAKER_DBA = (72.0, 76.0)


@dataclass(frozen=True, eq=False)
class Evening:
    """One evening in periods of 1 / RATE_HZ, K in all.

    sound: room, devices, electronics. roles: of the people. loudspeaker_dba: of the continuous
    excitation, at 1 m. warmth_c: (K,) of the air, over the beginning. ambience: what else is heard.
    seed: of everything that is drawn later.
    """

    name: str
    sound: SceneSound
    roles: tuple[Role, ...]
    loudspeaker_dba: float
    warmth_c: Array
    ambience: Ambience
    seed: tuple[int, ...]

    @property
    def periods(self) -> int:
        """How many."""
        return len(self.warmth_c)

    def joints(self, period: int) -> Array:
        """True joints (Q, 25, 3) [m], camera frame; NaN for who is not in the room."""
        return np.array([_at(role.joints, role.rows, period) for role in self.roles])


def make_evening(seed: int, index: int, scale: float = 1.0) -> Evening:
    """A random evening of the test split, in field conditions. scale: of how long people do what
    they do.
    """
    rng = np.random.default_rng([seed, index, 19])
    space = living_space(rng)
    camera, farthest = space.camera, space.farthest_m
    body = sample_body(rng, "test")
    apart = APART_M
    while len(places := places_in_view(rng, camera, body, PLACES, farthest, None, apart)) < PLACES:
        apart *= 0.7
    before_s = min(BEFORE_S, max(3.0, BEFORE_S * scale))
    host = spend_evening(rng, camera, body, places, before_s=before_s, scale=scale)
    roles = [host]
    if index % VISITOR_EVERY == VISITOR_EVERY - 1:
        guest = sample_body(rng, "test")
        seat = places_in_view(rng, camera, guest, 1, farthest, places, VISITOR_APART_M)
        if len(seat):
            comes_s = 0.45 * len(host.rows) / RATE_HZ
            roles.append(visit(rng, camera, guest, seat[0], before_s=comes_s, scale=scale))
    periods = max(len(role.rows) for role in roles) + round(max(AFTER_S * scale, 5.0) * RATE_HZ)
    roles = [role.lasting(periods) for role in roles]
    there = [role.joints[np.unique(role.rows[role.there])] for role in roles]
    where = [j[:, k] for j in there for k in (0, 4, 7, 8, 11, 14)]
    inside = np.concatenate([space.rig.true.speakers, space.rig.true.mics, *where])
    room = space.furnished(rng, inside)
    people = tuple(_dressed(role, rng) for role in roles)
    name = f"evening-{seed}-{index}-{scale:g}"
    scene = Scene(name, "test", space.rig, room, (Moment(people, 0.0, 0.0),))
    began_c = float(rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(*DRIFT_LOG_C))
    drift_c = np.sign(began_c) * DRIFT_C_PER_S * np.arange(periods) / RATE_HZ
    return Evening(
        name,
        SceneSound(scene, np.random.default_rng([seed, index, 20])),
        tuple(roles),
        float(rng.uniform(*LOUDSPEAKER_DBA)),
        began_c + drift_c,
        Ambience.of_evening(index),
        (seed, index),
    )


def _dressed(role: Role, rng: np.random.Generator) -> ScenePerson:
    """The person of a role; the pose is of no matter."""
    posed = pose_body(role.body, upright(role.body))
    return dweller(rng, posed, role.vertices[-1], role.joints[-1])


def _at(joints: Array, rows: IntArray, period: int) -> Array:
    row = rows[period]
    return joints[row] if row >= 0 else np.full((25, 3), np.nan)
