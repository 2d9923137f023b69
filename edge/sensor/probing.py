"""When the loudspeaker sounds for a moment, how long and how loud: `due` is the whole policy.

Every probe is heard of everybody in view, so the one who is the most overdue decides. What a probe
brings depends on them; its price is its share of a minute's energy:

- Who keeps still is heard again and again, and their echoes add up: many soft probes are worth as
  much as few loud ones, and none of them comes late when they move on. The energy flows evenly, and
  each probe takes what has flowed in since the last.
- Who walks is heard for one period only, for they move on while a longer one sounds. It tells by
  how much the images are off, which lasts a second, and how tall they are, which lasts. A reserve
  is kept for it, of which each takes a share of what is left.
- Nobody in view: a soft one now and then, that follows the empty room.
"""

import logging
import math
from dataclasses import dataclass

from edge.core.contracts import AudioSource
from edge.sensor.empty_room import UNSEEN_S
from edge.sensor.pipeline import Pipeline
from edge.sensor.posing.listening import Attention, Watched
from edge.sound.sound_budget import SoundUse

log = logging.getLogger(__name__)

WALKING_M = 0.25  # who moves farther in a second walks
# Seconds from probe to probe: of who has only just stopped, and was not heard there; of who keeps
# still; of who walks; of a picture on the wall. On twelve simulated evenings who walks is placed
# 0.5 cm better by a probe each second than by louder ones every 1.5 to 10 s, and no better by more.
FRESH_S, STILL_S, WALKING_S, PICTURE_S = 1.0, 2.0, 1.0, 30.0
LEARNING_S = 1.0  # the empty room
# Share of a minute's energy: that flows in within a minute, for who keeps still; of what is left,
# for one who walks; of the empty room, learned or followed.
FLOW, WALKING_ENERGY, LEARNING_ENERGY, KEEP_ALIVE_ENERGY = 0.8, 0.1, 0.1, 0.02
# What was not needed for longer is not saved up: a probe stays soft.
FLOWS_FOR_S = 3.0
SHORT, SOFT, LONG = 1, 2, 5  # periods: of who walks, of who keeps still, of the empty room
# Where this much less than a probe needs is left, it waits.
LEAST_DB = -3.0
# A burst counts as spent once it was heard.
HEARD_AFTER_S = 0.8
STALE_S = 1.0  # an image so old shows nobody
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Probe:
    """A burst: periods, gain 0..1; why, for the log."""

    periods: int
    gain: float
    why: str


@dataclass(frozen=True, slots=True)
class RoomKnowledge:
    """What is known of the empty room. empty_s: for how long nobody was in view."""

    learned: bool
    settled: bool
    empty_s: float


def due(
    attention: Attention,
    room: RoomKnowledge,
    use: SoundUse,
    since_s: float,
    t_s: float,
    keep_alive_s: float,
) -> Probe | None:
    """The probe to send now, or None. since_s: since the last one; t_s: on the budget's clock."""
    left = use.budget.left(t_s)
    if left <= 0.0:
        return None
    if not attention.people:
        if room.empty_s < UNSEEN_S:
            return None
        if not (room.learned and room.settled):
            wanted = LEARNING_S, LEARNING_ENERGY, "the empty room is not learned yet"
        else:
            wanted = keep_alive_s, KEEP_ALIVE_ENERGY, "the empty room drifts"
        wait_s, energy, why = wanted
        return _affordable(use, LONG, energy, why, t_s) if since_s >= wait_s else None
    if not room.learned:
        return None  # without it an echo tells nothing
    who = min(attention.people, key=interval_s)
    if since_s < interval_s(who):
        return None
    if who.moved_m >= WALKING_M:
        return _affordable(use, SHORT, WALKING_ENERGY * left, f"person {who.id} walks", t_s)
    energy = FLOW * min(max(since_s, STILL_S), FLOWS_FOR_S) / _MINUTE_S
    return _affordable(use, SOFT, energy, f"person {who.id} keeps still", t_s)


def interval_s(person: Watched) -> float:
    """How long after a probe this person needs the next."""
    if person.presence == "seen_only":
        return PICTURE_S
    if person.moved_m < WALKING_M:
        return STILL_S if person.heard else FRESH_S
    return WALKING_S


def _affordable(use: SoundUse, periods: int, energy: float, why: str, t_s: float) -> Probe | None:
    """A probe that takes this share of a minute's energy, or as loud as may be; None where too
    little is left.
    """
    average_db = 10.0 * math.log10(energy * _MINUTE_S / use.seconds(periods))
    dba = min(use.budget.budget_dba + average_db, use.budget.peak_dba)
    wanted = min(1.0, 10.0 ** ((dba - use.dba(periods, 1.0)) / 20.0))
    gain = min(wanted, use.loudest_gain(periods, t_s))
    if gain < wanted * 10.0 ** (LEAST_DB / 20.0):
        return None
    return Probe(periods, gain, why)


class Prober:
    """Asks a source for probes. Call `tick` a few times a second, on the clock of its periods."""

    def __init__(self, pipeline: Pipeline, audio: AudioSource, keep_alive_s: float) -> None:
        self._pipeline, self._audio, self._keep_alive_s = pipeline, audio, keep_alive_s
        self._asked_ns: int | None = None
        self._free_ns = 0  # until then a burst is under way
        self._seen_ns: int | None = None
        self._learning_since_ns: int | None = None

    def tick(self, t_ns: int) -> Probe | None:
        """Send a probe if one is due; returns it."""
        attention = self._pipeline.attention
        if t_ns - attention.t_ns > STALE_S * 1e9:
            attention = Attention(t_ns)
        if attention.people or self._seen_ns is None:
            self._seen_ns = t_ns
        background = self._pipeline.room.background
        room = RoomKnowledge(background.ready, background.settled, (t_ns - self._seen_ns) * 1e-9)
        self._tell(room, t_ns)
        if t_ns < self._free_ns:
            return None
        since_s = math.inf if self._asked_ns is None else (t_ns - self._asked_ns) * 1e-9
        use = self._pipeline.sound_use
        probe = due(attention, room, use, since_s, t_ns * 1e-9, self._keep_alive_s)
        if probe is not None:
            log.debug("probe of %d periods: %s", probe.periods, probe.why)
            self._audio.probe(probe.periods, probe.gain)
            self._asked_ns = t_ns
            self._free_ns = t_ns + round(1e9 * (HEARD_AFTER_S + use.seconds(probe.periods)))
        return probe

    def _tell(self, room: RoomKnowledge, t_ns: int) -> None:
        """Say once how long the empty room takes, and when it is learned."""
        if room.learned == (self._learning_since_ns is None):
            return
        if room.learned:
            assert self._learning_since_ns is not None
            took_s = (t_ns - self._learning_since_ns) * 1e-9
            self._learning_since_ns = None
            log.info("the empty room is learned from bursts, after %.0f s", took_s)
        else:
            self._learning_since_ns = t_ns
            log.info("the empty room is learned from bursts while nobody is in view")
