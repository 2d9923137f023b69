"""Falls while somebody else walks about, and two people's everyday life: acted, with the errors of
a detector and of a lifter, through the sensor's tracks and events.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.behaviour.people import People
from edge.behaviour.presence import load_evidence
from edge.behaviour.tracks import Tracks
from edge.core.arrays import Array, Rng
from edge.core.config import TrackConfig
from edge.core.pose import FrameEstimate
from edge.core.rig import Camera
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from export.bodies.acting import RATE_HZ, ActedTake, Actor
from export.bodies.body import sample_body
from export.bodies.fall_scripts import FALLS, fall_take, negative_take
from export.simulate.moving.sights import sights
from export.studies.falls import EXPECTED, IN_TIME_S
from export.studies.lifter_errors import LifterErrors, is_lying

APART_M = 1.3  # between the places of two people's everyday life
IN_FRONT_M, BEHIND_M = (1.9, 2.4), (4.6, 5.4)  # where the other one walks; who falls is at 3-4 m


@dataclass(eq=False)
class TwoOutcome:
    """One take of two people. name: what the first one does. seconds: its length. fall_s: when a
    fall ended [s], None without one. told_s: of the fall events [s], with the person's number.
    numbers: given to people in all.
    """

    name: str
    seconds: float
    fall_s: float | None = None
    told_s: list[tuple[float, int]] = field(default_factory=list)
    numbers: int = 0

    @property
    def delay_s(self) -> float | None:
        """From the end of the fall to its first event [s], None without one."""
        if self.fall_s is None:
            return None
        after = [t for t, _ in self.told_s if t > self.fall_s - 4.0]
        return after[0] - self.fall_s if after else None


def sense_two(takes: Sequence[ActedTake], rng: Rng) -> TwoOutcome:
    """Run takes that happen at once through one sensor with a random place and calibration."""
    height = float(rng.uniform(1.0, 2.2))
    tilt = float(np.degrees(np.arctan2(height - 0.8, 3.0)) + rng.normal(0.0, 2.0))
    camera = Camera(640, 480, 380.0, 380.0, 320.0, 240.0, height_m=height, tilt_deg=tilt)
    errors = [LifterErrors(camera, rng) for _ in takes]
    associate, people = (
        Tracks(camera),
        People(errors[0].believed, TrackConfig(), (), load_evidence("ray")),
    )
    first = takes[0]
    outcome = TwoOutcome(
        first.name, len(first.joints) / RATE_HZ, first.falls[0] / RATE_HZ if first.falls else None
    )
    now, numbers = [0.0], set()

    def note(message: Message) -> None:
        if message["kind"] == "fall":
            outcome.told_s.append((now[0], int(message["person"])))

    events = EventKeeper("acted", "simulated", note, clock=lambda: now[0])
    for k in range(len(first.joints)):
        now[0], t_ns = k / RATE_HZ, round(1e9 + k * 1e9 / RATE_HZ)
        room = np.array([t.joints[min(k, len(t.joints) - 1)] for t in takes])
        poses = [e(j, 1.0 / RATE_HZ, is_lying(j)) for e, j in zip(errors, room, strict=True)]
        found = [(q, s) for q, s in sights(rng, _in_camera(camera, room), camera) if poses[q]]
        tracks = associate([s for _, s in found], t_ns)
        seen = {id(s): q for q, s in found}
        posed = people.choose([(t, s) for t, (_, s) in zip(tracks, found, strict=True)], 4)
        lifted = [poses[seen[id(s)]] for _, s in posed]
        estimates = people(posed, lifted, associate.tracks, [None] * len(posed), t_ns)
        numbers |= {p.id for p in estimates}
        if estimates:
            events.pose(
                FrameEstimate(k + 1, k, t_ns, t_ns, tuple(estimates), 0, None, 0.0, "simulated")
            )
        events.tick()
    outcome.numbers = len(numbers)
    return outcome


def _in_camera(camera: Camera, room: Array) -> Array:
    """Joints (Q, 25, 3) in the camera frame; NaN for who is behind the camera."""
    joints = camera.from_room(room)
    joints[(joints[:, :15, 2] < 0.3).any(axis=1)] = np.nan
    return np.asarray(joints)


def bystander_take(rng: Rng, seconds: float) -> ActedTake:
    """Somebody who walks about and stops, before or behind who falls."""
    lane = IN_FRONT_M if rng.random() < 0.5 else BEHIND_M
    actor = Actor("walks about", sample_body(rng), rng, _place(rng, lane))
    while len(actor.take.joints) < seconds * RATE_HZ:
        actor.walk(_place(rng, lane), float(rng.uniform(0.6, 1.2)))
        actor.hold(float(rng.uniform(0.0, 2.0)))
    return actor.take


def _place(rng: Rng, lane: tuple[float, float]) -> Array:
    depth = float(rng.uniform(*lane))
    return np.array([rng.uniform(-0.55, 0.55) * depth, depth])


def act_falls(count: int, seed: int) -> Iterator[TwoOutcome]:
    """`count` falls, of each kind in turn, while somebody else walks about."""
    kinds = list(FALLS)
    for n in range(count):
        rng = np.random.default_rng([seed, 500, n])
        take = fall_take(kinds[n % len(kinds)], rng)
        other = bystander_take(rng, len(take.joints) / RATE_HZ)
        yield sense_two([take, other], rng)


def act_everyday(minutes: float, seed: int) -> Iterator[TwoOutcome]:
    """At least so long of two people's everyday life at once, none of which is a fall."""
    kinds, seconds, n = list(EXPECTED), 0.0, 0
    while seconds < 60.0 * minutes:
        rng = np.random.default_rng([seed, 600, n])
        take = negative_take(kinds[n % len(kinds)], rng)
        other = negative_take(str(rng.choice(kinds)), rng)
        other.joints = [j + np.array([0.0, APART_M, 0.0]) for j in other.joints]
        outcome = sense_two([take, other], rng)
        seconds, n = seconds + outcome.seconds, n + 1
        yield outcome


def two_falls_report(
    falls: Sequence[TwoOutcome], everyday: Sequence[TwoOutcome], command: str
) -> str:
    """The section as Markdown. command: that made it."""
    delays = [d for o in falls if (d := o.delay_s) is not None]
    in_time = sum(d <= IN_TIME_S for d in delays)
    others = sum(max(len(o.told_s) - 1, 0) for o in falls)
    minutes = sum(o.seconds for o in everyday) / 60.0
    false = Counter(o.name for o in everyday for _ in o.told_s)
    named = ", ".join(f"{n} of {name}" for name, n in false.items()) or "none"
    return f"""\
Acted as the falls of one person ([falls.md](falls.md)), with the same errors of a lifter and the 2D
joints of the detector's error model, the other's body hiding what is behind it. While one falls,
another one walks about and stops, in half of the takes before, in half behind the one who falls.
Everyday life: two people sit, lie down on a sofa, bend, kneel, walk out of view and so on at once,
their places {APART_M:g} m apart. The rest is the sensor's own code: tracks, activity, events.

    {command}

Of {len(falls)} falls {in_time} are told within {IN_TIME_S:g} s, {len(delays) - in_time} later,
{len(falls) - len(delays)} never; {others} more fall events came in these takes. In
{minutes:.0f} minutes of two people's everyday life fall events: {sum(false.values())} ({named})."""
