"""Somebody who lives in a living room that changes, simulated: raw periods of sound, 2D joints.

The person walks between places in view, stands and sits. The changes are added to the very same
recording: nothing, a chair moved, a door opened, somebody out of view, a dog that walks about.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray, Rng
from edge.core.pose import Keypoints
from export.bodies.acting import RATE_HZ, Performer
from export.bodies.body import sample_body
from export.bodies.breathing import breaths
from export.bodies.poses import sample_pose
from export.simulate.changes.random_changes import Change, ChangeKind, RoomChanges
from export.simulate.changes.things import pet
from export.simulate.conditions import CONDITIONS
from export.simulate.electronics import Recorder
from export.simulate.moments.casting import Moment
from export.simulate.moments.scene_sound import SceneSound
from export.simulate.moving.homes import DRIFT_C_PER_S, LEARNED_SWING, dweller, living_space
from export.simulate.moving.lasting_errors import LastingDetector
from export.simulate.moving.places import places_in_view
from export.simulate.scenes import DRIFT_LOG_C, Scene

PLACES = 4
WALK_M_S, DOG_M_S = 0.9, 0.6
UNCHANGED, DOG = "unchanged", "dog"
KINDS = (UNCHANGED, "chair", "door", "person", DOG)

Periods = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Home:
    """A room and its person over time. bodies: joints (N, 25, 3) and vertices (N, V, 3) [m], camera
    frame, at RATE_HZ.
    """

    sound: SceneSound
    moment: Moment
    joints: Array
    vertices: npt.NDArray[np.float32]


class _Performer(Performer):
    """Somebody at home."""

    def sit(self, hold_s: float) -> None:
        """Sit down, and keep sitting."""
        pose = sample_pose(self._rng, self.body, "sit", heading_rad=self.heading_rad)
        self.to(pose, 1.5, "sitting")
        self.hold(hold_s)

    def live(self, places: Array, seconds: float) -> None:
        """Walk from place to place, stand there or sit."""
        while len(self.shown) < seconds * RATE_HZ:
            self.walk(places[self._rng.integers(len(places))], WALK_M_S)
            what = self._rng.random()
            if what < 0.45:
                self.hold(self._rng.uniform(0.5, 4.0))
            elif what < 0.65:
                self.sit(self._rng.uniform(3.0, 6.0))
                self.upright(1.2)


def make_home(seed: int, index: int, seconds: float, *, seated: bool = False) -> Home:
    """A random living room of the test split, in field conditions. seated: the person sits there
    all the time, breathes and sways, and moves a little every few minutes.
    """
    rng = np.random.default_rng([seed, index])
    field, space = CONDITIONS["field"], living_space(rng)
    camera, rig = space.camera, space.rig
    body = sample_body(rng, "test")
    places = places_in_view(rng, camera, body, PLACES, space.farthest_m)
    performer = _Performer("at home", body, rng, places[0])
    if seated:
        performer.sit(0.0)
        performer.take.joints.clear()
        performer.shown.clear()
        performer.hold(seconds)
    else:
        performer.live(places, seconds)
    shown = performer.shown[: round(seconds * RATE_HZ)]
    joints = np.array([camera.from_room(b.joints) for b in shown])
    vertices = np.array([camera.from_room(b.vertices) for b in shown], np.float32)
    floor = camera.from_room(np.array([[*p, 0.05] for p in places]))
    inside = np.concatenate([rig.true.speakers, rig.true.mics, joints[:, 8], joints[:, 4], floor])
    room = space.furnished(rng, inside)
    person = dweller(rng, shown[0], vertices[0], joints[0])
    moment = Moment((person,), float(rng.uniform(*field.sir_db)), 0.0)
    scene = Scene(f"living-{seed}-{index}", "test", rig, room, (moment,))
    sound = SceneSound(scene, np.random.default_rng([seed, index, 1]))
    return Home(sound, moment, joints, vertices)


class Detector:
    """What a detector finds of a home's person, with errors that last."""

    def __init__(self, home: Home, rng: Rng) -> None:
        self._home, self._detect = home, LastingDetector(rng)

    def __call__(self, k: int, t_s: float) -> Keypoints:
        """In an image taken at t_s, of the body number k."""
        camera = self._home.sound.scene.rig.true.camera
        return Keypoints(self._detect(self._home.joints[k], camera, t_s), 1.0)


class Microphones:
    """What is heard in a home whose background has learned the empty room."""

    def __init__(self, home: Home, rng: Rng) -> None:
        self._home = home
        self._clothes = int(rng.integers(2**31))
        self._warmer = float(rng.choice([-1.0, 1.0]))
        self._began_c = 10.0 ** rng.uniform(*DRIFT_LOG_C)
        first = self.moment(0, self.warmth_c(0.0))
        self._noise = home.sound.noise_rms(first, self.body(first), home.moment.sir_db)
        home.sound.learn_empty(self._noise, rng)
        if rng.random() < LEARNED_SWING:
            home.sound.learn_drift(self._noise, rng)

    def recorder(self, seed: int) -> Recorder:
        """Of noise and jitter that are the same for the same seed."""
        return self._home.sound.recorder(self._noise, np.random.default_rng(seed))

    def warmth_c(self, t_s: float) -> float:
        """Of the air, t seconds after the beginning: it warms or cools steadily."""
        return float(self._warmer * (self._began_c + DRIFT_C_PER_S * t_s))

    def moment(self, k: int, warmth_c: float) -> Moment:
        """The person of period k."""
        person = replace(
            self._home.moment.people[0],
            vertices=self._home.vertices[k],
            joints=self._home.joints[k],
        )
        return replace(self._home.moment, people=(person,), warmth_c=warmth_c)

    def body(self, moment: Moment) -> ComplexArray:
        """Spectra (S, M, F) of what the person changes in the room."""
        sound, clothes = self._home.sound, np.random.default_rng(self._clothes)
        return sound.bodies(moment, sound.reflectors(moment, [clothes]), clothes)


def record_changes(home: Home, changed_at: int, rng: Rng) -> dict[str, list[Periods]]:
    """Raw periods (N, C) of the home with each of KINDS happening at period `changed_at`."""
    sound, count = home.sound, len(home.joints)
    where = [replace(home.moment.people[0], joints=joints) for joints in home.joints[::5]]
    draw = sound.changes(where)
    added: dict[str, Callable[[int], ComplexArray]] = {
        kind: _steady(sound, _told(draw, kind, rng)) for kind in ("chair", "door", "person")
    }
    added[DOG] = _dog(home, draw, changed_at, rng)
    microphones = Microphones(home, rng)
    recorders = {kind: microphones.recorder(int(home.joints.size)) for kind in KINDS}
    out: dict[str, list[Periods]] = {kind: [] for kind in KINDS}
    for k in range(count):
        moment = microphones.moment(k, microphones.warmth_c(k / RATE_HZ))
        spectra = sound.empty(moment.warmth_c) + microphones.body(moment)
        for kind in KINDS:
            more = added[kind](k) if kind in added and k >= changed_at else None
            heard = spectra if more is None else spectra + more
            out[kind].append(recorders[kind].period(heard, k))
    return out


def breathing(home: Home, phases: int, shift_m: Array) -> Home:
    """The home's first pose, moved by (3,) [m], at so many phases of a breath."""
    joints, vertices = home.joints[0] + shift_m, home.vertices[0] + shift_m
    breath = breaths(vertices, joints, phases)
    return replace(home, joints=np.repeat(joints[None], phases, axis=0), vertices=breath)


def _told(draw: RoomChanges, kind: ChangeKind, rng: Rng) -> Change:
    """A change of this kind where something stands there afterwards; a chair was there before."""
    while True:
        change = draw.draw(rng, kind)
        if change.after is not None and (change.before is not None or kind != "chair"):
            return change


def _steady(sound: SceneSound, change: Change) -> Callable[[int], ComplexArray]:
    spectra = change.response(sound.room, sound.scene.rig.temperature_c)
    return lambda k: spectra


def _dog(home: Home, draw: RoomChanges, begins: int, rng: Rng) -> Callable[[int], ComplexArray]:
    """It walks from one free place to another and stands there for a while."""
    sound = home.sound
    surface = pet(rng, "dog", sound.grid.patch_spacing_m(343.0))
    places = [p for _ in range(5) if (p := draw.free_place(rng, 0.5, None)) is not None]
    size = np.asarray(sound.scene.room.size_m)[:2]
    places = places if len(places) > 1 else [0.3 * size, 0.7 * size]
    spectra: dict[int, ComplexArray] = {}
    place, target, waits, yaw = places[0].copy(), places[1], 0, 0.0
    for k in range(begins, len(home.joints)):
        way = target - place
        left = float(np.linalg.norm(way))
        if waits > 0:
            waits -= 1
        elif left < DOG_M_S / RATE_HZ:
            waits, target = int(rng.integers(5, 40)), places[rng.integers(len(places))]
        else:
            place = place + way / left * DOG_M_S / RATE_HZ
            yaw = float(np.arctan2(way[0], -way[1]))
        thing = draw.standing(surface, 0.5, place, yaw)
        spectra[k] = thing.response(sound.room, sound.scene.rig.temperature_c)
    return spectra.__getitem__
