"""Falls while somebody else walks about, and two people's everyday life: acted, with the errors of
a detector and of a lifter, through the sensor's tracks and events.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.core.arrays import Array, Rng
from export.bodies.acting import RATE_HZ, ActedTake, Actor
from export.bodies.body import sample_body
from export.bodies.fall_scripts import FALLS, fall_take, negative_take
from export.studies.falls.acted_sensor import sense_takes
from export.studies.falls.one_person import EXPECTED, IN_TIME_S

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
    first = takes[0]
    outcome = TwoOutcome(
        first.name, len(first.joints) / RATE_HZ, first.falls[0] / RATE_HZ if first.falls else None
    )
    numbers = set()
    for moment in sense_takes(takes, rng):
        numbers |= {person.id for person in moment.people.values()}
        outcome.told_s += [
            (moment.index / RATE_HZ, int(event["person"]))
            for event in moment.events
            if event["kind"] == "fall"
        ]
    outcome.numbers = len(numbers)
    return outcome


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
