"""Scripts to test the fall detector: falls of several kinds, and motions that look like one."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.acting import ActedTake, Actor
from export.bodies.body import Body, pose_body, sample_body
from export.bodies.poses import sample_pose, upright
from export.bodies.skeleton import Pose, axis_rotation, unit

X = np.array([1.0, 0.0, 0.0])
# Where the takes happen, room frame [m]: a person who falls there stays in view.
AREA = np.array([[-0.6, 3.0], [0.6, 4.0]])
LIE_S = 8.0
TRUNK_RADIUS = 0.09  # over the standing height
SPEEDS = (1.0, 1.7)  # of get-ups played backwards, over the captured speed


def fall_take(kind: str, rng: Rng) -> ActedTake:
    """A fall of a kind of FALLS: the person stands or walks, falls, lies, and gets up."""
    actor = _actor(kind, rng)
    if rng.random() < 0.5:
        actor.walk(_place(rng))
    actor.hold(rng.uniform(2.0, 3.0))
    FALLS[kind](actor, rng)
    actor.hold(LIE_S)
    actor.fallen()
    actor.part("getting up after a fall")
    actor.clip(
        "getup_facedown", backwards=False, speed=1.0, ends="standing"
    ) if "forwards" in kind else actor.upright(4.0)
    actor.hold(5.0)
    return actor.take


def negative_take(kind: str, rng: Rng) -> ActedTake:
    """About half a minute of a kind of NEGATIVES, which are no falls."""
    actor = _actor(kind, rng)
    actor.hold(2.0)
    for _ in range(2):
        NEGATIVES[kind](actor, rng)
        actor.part(kind)
        if rng.random() < 0.5:
            actor.walk(_place(rng))
        actor.hold(rng.uniform(1.5, 2.5))
    return actor.take


def _actor(kind: str, rng: Rng) -> Actor:
    body = sample_body(rng)
    return Actor(kind, body, rng, _place(rng), float(rng.uniform(-np.pi, np.pi)))


def _place(rng: Rng) -> Array:
    return np.asarray(rng.uniform(*AREA))


def _backwards(name: str) -> Callable[[Actor, Rng], None]:
    return lambda actor, rng: actor.clip(
        name, backwards=True, speed=float(rng.uniform(*SPEEDS)), ends="lying"
    )


def _lie(
    actor: Actor,
    rng: Rng,
    seconds: float,
    raised_m: float = 0.0,
    shift: Array | None = None,
    power: float = 0.0,
) -> None:
    """Lie down with the trunk on what carries it: no arm below, and no cushion for long."""
    pose = sample_pose(
        rng, actor.body, "lie", heading_rad=actor.heading_rad + float(rng.uniform(-0.6, 0.6))
    )
    trunk_m = float(pose_body(actor.body, pose).joints[[1, 8], 2].mean())
    sunk_m = max(trunk_m - TRUNK_RADIUS * actor.body.height_m, 0.0)
    actor.to(pose, seconds, "lying", raised_m=raised_m - sunk_m, shift=shift, power=power)


def _topple(actor: Actor, rng: Rng) -> None:
    angle = actor.heading_rad + rng.uniform(-1.0, 1.0)
    away = (
        0.45
        * actor.body.height_m
        * np.array([np.sin(angle), -np.cos(angle)])
        * rng.choice([-1.0, 1.0])
    )
    _lie(actor, rng, rng.uniform(0.7, 1.3), shift=away, power=2.0)


def _collapse(actor: Actor, rng: Rng) -> None:
    actor.to(
        sample_pose(rng, actor.body, "crouch", heading_rad=actor.heading_rad),
        rng.uniform(0.4, 0.8),
        "bending",
        power=1.5,
    )
    _lie(actor, rng, rng.uniform(0.5, 1.0), shift=rng.normal(0.0, 0.25, 2), power=1.5)


def _from_seat(actor: Actor, rng: Rng) -> None:
    _sit_down(actor, rng, rng.uniform(1.0, 1.8))
    actor.hold(4.0)
    _lie(actor, rng, rng.uniform(0.8, 1.6), shift=_ahead(actor, 0.5), power=1.5)


def _ahead(actor: Actor, metres: float) -> Array:
    return metres * np.array([np.sin(actor.heading_rad), -np.cos(actor.heading_rad)])


FALLS: dict[str, Callable[[Actor, Rng], None]] = {
    "get-up backwards, face up": _backwards("getup_faceup"),
    "get-up backwards, forwards": _backwards("getup_facedown"),
    "topples over": _topple,
    "collapses": _collapse,
    "slides off a seat": _from_seat,
}


def _sit_down(actor: Actor, rng: Rng, seconds: float, power: float = 0.0) -> None:
    pose = sample_pose(rng, actor.body, "sit", heading_rad=actor.heading_rad)
    actor.to(pose, seconds, "sitting", shift=_ahead(actor, -0.3), power=power)


def _sit(actor: Actor, rng: Rng) -> None:
    hasty = rng.random() < 0.3
    _sit_down(
        actor,
        rng,
        rng.uniform(0.5, 0.8) if hasty else rng.uniform(0.9, 2.0),
        power=1.6 if hasty else 0.0,
    )
    actor.hold(rng.uniform(6.0, 10.0))
    actor.upright(rng.uniform(0.8, 1.8))


def _lie_on_sofa(actor: Actor, rng: Rng) -> None:
    high = rng.uniform(0.4, 0.5)
    if rng.random() < 0.3:  # drops onto it
        _lie(actor, rng, rng.uniform(0.7, 1.2), high, shift=_ahead(actor, -0.4), power=1.8)
    else:
        _sit_down(actor, rng, rng.uniform(0.9, 1.8))
        actor.hold(rng.uniform(0.5, 3.0))
        _lie(actor, rng, rng.uniform(1.0, 2.5), high)
    actor.hold(rng.uniform(8.0, 12.0))
    actor.to(
        sample_pose(rng, actor.body, "sit", heading_rad=actor.heading_rad),
        rng.uniform(1.0, 2.0),
        "sitting",
    )
    actor.hold(1.5)
    actor.upright(rng.uniform(0.8, 1.8))


def _goes_down(kind: str, hold_s: tuple[float, float]) -> Callable[[Actor, Rng], None]:
    def act(actor: Actor, rng: Rng) -> None:
        pose = sample_pose(rng, actor.body, kind, heading_rad=actor.heading_rad)
        actor.to(pose, rng.uniform(0.6, 1.5), "bending")
        actor.hold(rng.uniform(*hold_s))
        actor.upright(rng.uniform(0.6, 1.5))

    return act


def _pick_up(actor: Actor, rng: Rng) -> None:
    for _ in range(2):
        kind = str(rng.choice(["bend", "crouch"]))
        actor.to(
            sample_pose(rng, actor.body, kind, heading_rad=actor.heading_rad),
            rng.uniform(0.4, 0.8),
            "bending",
        )
        actor.hold(rng.uniform(0.2, 1.0))
        actor.upright(rng.uniform(0.4, 0.8))
        actor.hold(1.0)


def _kneel(actor: Actor, rng: Rng) -> None:
    actor.to(kneeling(actor.body, rng).turned(actor.heading_rad), rng.uniform(0.8, 1.8), "bending")
    actor.hold(rng.uniform(3.0, 6.0))
    actor.to(
        kneeling(actor.body, rng, lean_deg=rng.uniform(30, 85)).turned(actor.heading_rad),
        rng.uniform(0.6, 1.5),
        "bending",
    )
    actor.hold(rng.uniform(3.0, 6.0))
    actor.upright(rng.uniform(1.0, 2.0))


def _leave_view(actor: Actor, rng: Rng) -> None:
    side = float(rng.choice([-1.0, 1.0]))
    outside = (
        np.array([side * rng.uniform(3.0, 3.6), actor.place[1]])
        if rng.random() < 0.7
        else np.array([0.2 * side, 0.5])
    )
    actor.walk(outside, rng.uniform(0.7, 1.2))
    actor.hold(rng.uniform(1.0, 5.0))
    actor.walk(_place(rng), rng.uniform(0.7, 1.2))


def _walk(actor: Actor, rng: Rng) -> None:
    for _ in range(3):
        actor.walk(_place(rng), rng.uniform(0.6, 1.2))


def _sit_on_floor(actor: Actor, rng: Rng) -> None:
    actor.to(
        sample_pose(rng, actor.body, "crouch", heading_rad=actor.heading_rad),
        rng.uniform(0.8, 1.5),
        "bending",
    )
    actor.to(
        seated_on_floor(actor.body, rng).turned(actor.heading_rad), rng.uniform(0.8, 1.5), "sitting"
    )
    actor.hold(rng.uniform(6.0, 10.0))
    actor.upright(rng.uniform(1.5, 2.5))


def _lie_on_floor(actor: Actor, rng: Rng) -> None:
    actor.to(kneeling(actor.body, rng).turned(actor.heading_rad), rng.uniform(1.2, 2.0), "bending")
    actor.hold(rng.uniform(0.5, 1.5))
    actor.to(
        seated_on_floor(actor.body, rng).turned(actor.heading_rad), rng.uniform(1.2, 2.0), "sitting"
    )
    actor.hold(rng.uniform(1.0, 2.0))
    _lie(actor, rng, rng.uniform(1.5, 3.0))
    actor.hold(LIE_S)
    actor.upright(rng.uniform(3.0, 4.0))


NEGATIVES: dict[str, Callable[[Actor, Rng], None]] = {
    "sits down": _sit,
    "lies down on a sofa or bed": _lie_on_sofa,
    "bends over": _goes_down("bend", (2.0, 6.0)),
    "crouches": _goes_down("crouch", (3.0, 8.0)),
    "kneels": _kneel,
    "picks something up": _pick_up,
    "walks out of view": _leave_view,
    "walks about": _walk,
    "sits down on the floor": _sit_on_floor,
    "lies down on the floor on purpose": _lie_on_floor,
}


def kneeling(body: Body, rng: Rng, lean_deg: float = 5.0) -> Pose:
    """On both knees, facing -y: thighs upright or back on the heels, shanks on the floor."""
    base, back = upright(body), np.radians(rng.uniform(-5.0, 45.0))
    lean = axis_rotation(X, np.radians(lean_deg))
    segments = base.segments.copy()
    segments[:, :2] = unit(segments[:, :2] @ axis_rotation(X, np.radians(-0.3 * lean_deg)).T)
    segments[:, 2] = [0.0, -np.sin(back), -np.cos(back)]
    segments[:, 3] = unit(np.array([0.0, 1.0, -0.03]))
    segments[:, 4] = unit(np.array([0.0, 0.8, -0.6]))
    return replace(
        base,
        kind="kneel",
        pelvis=axis_rotation(X, np.radians(0.7 * lean_deg)),
        chest=lean,
        segments=segments,
        level_feet=False,
    )


def seated_on_floor(body: Body, rng: Rng) -> Pose:
    """On the floor with the legs ahead, facing -y."""
    base, bent = upright(body), np.radians(rng.uniform(5.0, 50.0))
    lean = axis_rotation(X, np.radians(rng.uniform(-15.0, 25.0)))
    segments = base.segments.copy()
    segments[:, 2] = [0.0, -np.cos(bent), np.sin(bent)]
    segments[:, 3] = [0.0, -np.cos(bent), -np.sin(bent)]
    segments[:, 4] = unit(np.array([0.0, -0.5, 0.8]))
    return replace(base, kind="floor", pelvis=lean, chest=lean, segments=segments, level_feet=False)
