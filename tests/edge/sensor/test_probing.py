"""When the loudspeaker sounds for a moment: for whom, how long, how loud, and within the budget."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.core.contracts import AudioPeriod
from edge.sensor.posing.listening import Attention, Watched
from edge.sensor.probing import FLOW, SHORT, SOFT, Prober, RoomKnowledge, due, interval_s
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
    still_s: float = 0.0, moved_m: float = 0.0, presence="present", heard: bool = True
) -> Watched:
    return Watched(1, still_s, moved_m, presence, heard)


def asked(
    people: list[Watched],
    since_s: float,
    room: RoomKnowledge = EMPTY,
    spent: SoundUse | None = None,
):
    return due(Attention(0, tuple(people)), room, spent or use(), since_s, 1000.0, KEEP_ALIVE_S)


def test_who_walks_is_probed_short_and_loud_and_who_keeps_still_softly() -> None:
    walking = asked([person(moved_m=0.8)], 60.0)
    still = asked([person(still_s=3.0)], 2.0)
    assert walking is not None
    assert still is not None
    assert (walking.periods, still.periods) == (SHORT, SOFT)
    # A tenth of a minute at 35 dB(A) within 0.1 s, and what flows in within 2 s within 0.2 s.
    assert use().dba(SHORT, walking.gain) == pytest.approx(52.8, abs=0.1)
    assert use().dba(SOFT, still.gain) == pytest.approx(44.0, abs=0.1)
    later = asked([person(still_s=3.0)], 60.0)
    assert later is not None
    assert use().dba(SOFT, later.gain) < 46.0, "what was not needed is not saved up"
    # Whoever walks decides for all: they need it sooner.
    both = asked([person(still_s=300.0), person(moved_m=0.8)], 1.0)
    assert both is not None
    assert both.periods == SHORT


def test_a_probe_of_the_walking_leaves_the_most_of_a_minute_to_others() -> None:
    spent = use()
    levels = []
    for k in range(8):
        probe = due(Attention(0, (person(moved_m=0.8),)), EMPTY, spent, 1.5, 900.0 + 1.5 * k, 60.0)
        assert probe is not None
        levels.append(spent.dba(SHORT, probe.gain))
        spent.budget.spend(levels[-1], 0.1, 900.0 + 1.5 * k)
    assert levels == sorted(levels, reverse=True)
    assert levels[0] - levels[-1] == pytest.approx(-70 * math.log10(0.9), abs=0.1)
    assert spent.budget.left(912.0) == pytest.approx(0.9**8, abs=0.01)


def test_the_sooner_a_probe_helps_the_sooner_it_comes() -> None:
    order = [person(heard=False), person(moved_m=0.5), person(), person(presence="seen_only")]
    intervals = [interval_s(p) for p in order]
    assert intervals == sorted(intervals)
    assert intervals[:3] == [1.0, 1.0, 2.0]


def test_nothing_is_left_means_silence() -> None:
    newcomer = [person(moved_m=1.0)]
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
        [person(presence="unsure", moved_m=1.0)] * 2, [person(moved_m=0.7)],
        [person(still_s=2.0)], [person(still_s=200.0)], [], [person()],
    ):  # fmt: skip
        for _ in range(5):
            bench.run(20.0, *part)
            spent = bench.use.budget.spent(bench.now_ns * 1e-9)
            levels.append(-math.inf if spent.average_dba is None else spent.average_dba)
            assert levels[-1] <= budget + 0.01
            assert spent.peak_dba is None or spent.peak_dba <= peak + 0.01
    assert max(levels) > budget - 6.0, "what is allowed is used"


def test_a_minutes_energy_flows_evenly() -> None:
    """Who sits for three minutes is heard every two seconds, in none of them less than in others,
    and at all times enough is left for somebody who comes in.
    """
    bench = Bench()
    probes = bench.run(180.0, person(still_s=60.0))
    gaps = np.diff([t_ns for t_ns, *_ in probes]) * 1e-9
    assert gaps.max() <= 2.1
    assert {periods for _, periods, _ in probes} == {SOFT}
    assert np.ptp([gain for *_, gain in probes[1:]]) < 1e-3
    spent = bench.use.budget.average_dba(bench.now_ns * 1e-9)
    assert spent == pytest.approx(35.0 + 10 * math.log10(FLOW), abs=0.2)
    (loud, *_) = bench.run(1.6, person(moved_m=1.0))
    assert loud[1] == SHORT
    assert bench.use.dba(SHORT, loud[2]) > 45.0


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
    bench.run(5.0, person(moved_m=1.0))
    before = len(bench.probes)
    for _ in range(300):
        bench.now_ns += 10**8
        bench.prober.tick(bench.now_ns)
    assert len(bench.probes) <= before + 2
