"""When the loudspeaker sounds for a moment: for whom, how long, how loud, and within the budget."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.core.contracts import AudioPeriod
from edge.sensor.listening import Attention, Watched
from edge.sensor.probing import LONG, SHORT, Prober, RoomKnowledge, due, interval_s
from edge.sound.ambient import AmbientNoise
from edge.sound.excitation import make_excitation
from edge.sound.loudness import Loudness
from edge.sound.sound_budget import SoundUse

EXCITATION = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
DISCREET = (35.0, 55.0)
EMPTY = RoomKnowledge(True, True, 100.0)
KEEP_ALIVE_S = 60.0


def use(limits: tuple[float, float] | None = DISCREET) -> SoundUse:
    return SoundUse(limits, Loudness(88.0, 2.0), EXCITATION, AmbientNoise(4, 1600, 16000))


def person(
    still_s: float = 0.0, moved_m: float = 0.0, sigma: float | None = 0.02, presence="present"
) -> Watched:
    return Watched(1, still_s, moved_m, sigma, presence)


def asked(
    people: list[Watched],
    since_s: float,
    room: RoomKnowledge = EMPTY,
    spent: SoundUse | None = None,
):
    return due(Attention(0, tuple(people)), room, spent or use(), since_s, 1000.0, KEEP_ALIVE_S)


def test_who_walks_is_probed_short_and_loud_and_who_keeps_still_long_and_soft() -> None:
    walking = asked([person(moved_m=0.8)], 60.0)
    still = asked([person(still_s=3.0)], 60.0)
    assert walking is not None
    assert still is not None
    assert (walking.periods, still.periods) == (SHORT, LONG)
    assert use().dba(SHORT, walking.gain) == pytest.approx(55.0, abs=0.1)
    assert use().dba(LONG, still.gain) < 48.0
    # Whoever walks decides for all.
    both = asked([person(still_s=300.0), person(moved_m=0.8, sigma=0.06)], 5.0)
    assert both is not None
    assert both.periods == SHORT


def test_the_less_is_known_the_sooner_the_next_probe_comes() -> None:
    order = [
        person(presence="unsure"),
        person(sigma=None),
        person(moved_m=0.5, sigma=0.05),
        person(moved_m=0.5, sigma=0.02),
        person(presence="seen_only"),
    ]
    intervals = [interval_s(p) for p in order]
    assert intervals == sorted(intervals)
    still = [interval_s(person(still_s=s)) for s in (0.0, 4.0, 12.0, 1000.0)]
    assert still == sorted(still)
    assert still[0] == 1.0


def test_the_more_is_spent_the_longer_everybody_waits() -> None:
    half = use()
    half.budget.spend(55.0, 0.3, 999.0)
    newcomer = [person(sigma=None, moved_m=1.0)]
    assert asked(newcomer, 2.0) is not None
    assert asked(newcomer, 2.0, spent=half) is None
    assert asked(newcomer, 3.1, spent=half) is not None
    nothing = use()
    nothing.budget.spend(55.0, 0.6, 999.0)
    assert asked(newcomer, 1e6, spent=nothing) is None
    assert asked(newcomer, 1e6, spent=use((0.0, 0.0))) is None


def test_nobody_in_view_means_a_soft_one_now_and_then() -> None:
    assert asked([], KEEP_ALIVE_S - 1.0) is None
    probe = asked([], KEEP_ALIVE_S)
    assert probe is not None
    assert use().dba(probe.periods, probe.gain) < 42.0
    assert asked([], math.inf, RoomKnowledge(True, True, 0.2)) is None, (
        "somebody has only just left"
    )


def test_an_empty_room_is_learned_at_once_and_never_with_somebody_in_it() -> None:
    unknown = RoomKnowledge(False, True, 5.0)
    assert asked([], 1.0, unknown) is not None
    assert asked([person()], math.inf, unknown) is None
    assert asked([], 1.5, RoomKnowledge(True, False, 5.0)) is not None


class Bench:
    """A pipeline and a source that hears what it is asked for; a clock in steps of 0.1 s."""

    def __init__(self, limits: tuple[float, float] = DISCREET) -> None:
        self.use = use(limits)
        self.background = SimpleNamespace(ready=True, settled=True)
        self.pipeline: Any = SimpleNamespace(
            attention=Attention(0),
            sound_use=self.use,
            room=SimpleNamespace(background=self.background),
        )
        self.now_ns, self.probes = 10**12, []
        self.audio: Any = SimpleNamespace(probe=self._probe)
        self.prober = Prober(self.pipeline, self.audio, KEEP_ALIVE_S)

    def _probe(self, periods: int, gain: float) -> None:
        self.probes.append((self.now_ns, periods, gain))
        samples = np.zeros((4, 1600 * (periods + 1)), np.float32)
        self.use.hear(
            AudioPeriod(0, self.now_ns, samples, None, sounding="burst", burst=periods, gain=gain)
        )

    def run(self, seconds: float, *people: Watched) -> list[tuple[int, int, float]]:
        first = len(self.probes)
        for _ in range(round(10 * seconds)):
            self.now_ns += 10**8
            self.pipeline.attention = Attention(self.now_ns, people)
            self.prober.tick(self.now_ns)
        return self.probes[first:]


@pytest.mark.parametrize("limits", [(35.0, 55.0), (45.0, 65.0), (60.0, 75.0)])
def test_no_minute_of_an_evening_exceeds_its_budget(limits: tuple[float, float]) -> None:
    bench = Bench(limits)
    budget, peak = limits
    levels = []
    for part in (
        [person(presence="unsure", sigma=None, moved_m=1.0)] * 2, [person(moved_m=0.7)],
        [person(still_s=2.0)], [person(still_s=200.0)], [], [person(sigma=None)],
    ):  # fmt: skip
        for _ in range(5):
            bench.run(20.0, *part)
            spent = bench.use.budget.spent(bench.now_ns * 1e-9)
            levels.append(-math.inf if spent.average_dba is None else spent.average_dba)
            assert levels[-1] <= budget + 0.01
            assert spent.peak_dba is None or spent.peak_dba <= peak + 0.01
    assert max(levels) > budget - 6.0, "what is allowed is used"


def test_an_empty_evening_is_nearly_silent() -> None:
    bench = Bench()
    bench.run(600.0)
    assert len(bench.probes) == pytest.approx(10, abs=1)
    assert bench.use.budget.average_dba(bench.now_ns * 1e-9) < 20.0


def test_it_says_how_long_the_empty_room_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench = Bench()
    bench.background.ready = False
    assert 8 <= len(bench.run(30.0)) <= 20
    bench.background.ready = True
    bench.run(5.0)
    assert "the empty room is learned from bursts, after 30 s" in caplog.text


def test_old_images_show_nobody() -> None:
    bench = Bench()
    bench.run(5.0, person(moved_m=1.0, sigma=None))
    before = len(bench.probes)
    for _ in range(300):
        bench.now_ns += 10**8
        bench.prober.tick(bench.now_ns)
    assert len(bench.probes) <= before + 2
