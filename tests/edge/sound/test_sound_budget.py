"""The energy average over a minute, and the loudest sound that keeps it."""

import math
from typing import Any

import numpy as np
import pytest

from edge.core.contracts import AudioPeriod
from edge.sound.ambient import AmbientNoise
from edge.sound.excitation import make_excitation
from edge.sound.loudness import Loudness
from edge.sound.sound_budget import SoundBudget, SoundSpent, SoundUse


def test_energy_average_of_the_last_minute():
    budget = SoundBudget(35.0, 55.0)
    assert budget.spent(0.0) == SoundSpent(None, None, 0.0)
    assert budget.average_dba(0.0) == -math.inf
    budget.spend(55.0, 0.3, 10.0)
    # 0.3 s of 60 s: 23 dB below.
    assert budget.average_dba(10.0) == pytest.approx(55.0 - 23.01, abs=0.01)
    budget.spend(55.0, 0.3, 20.0)
    assert budget.average_dba(20.0) == pytest.approx(35.0, abs=0.01)
    budget.spend(45.0, 0.1, 20.0)
    spent = budget.spent(20.0)
    assert spent.peak_dba == 55.0
    assert spent.seconds == pytest.approx(0.7)
    assert budget.average_dba(69.9) > 35.0
    assert budget.average_dba(70.0) == pytest.approx(32.1, abs=0.1)
    assert budget.average_dba(80.0) == -math.inf


def test_a_long_sound_at_the_budget_spends_all_of_it():
    budget = SoundBudget(45.0, 65.0)
    for k in range(600):
        budget.spend(45.0, 0.1, 0.1 * k)
    assert budget.average_dba(59.95) == pytest.approx(45.0, abs=0.01)
    assert budget.left(59.95) == pytest.approx(0.0, abs=1e-9)
    assert budget.left(90.0) == pytest.approx(0.5, abs=0.01)


def test_the_loudest_gain_keeps_the_peak_and_the_average():
    budget = SoundBudget(35.0, 55.0)
    assert budget.left(0.0) == 1.0
    # At gain 1 it would be 67 dB(A): 12 dB too loud.
    assert budget.loudest_gain(67.0, 0.1, 0.0) == pytest.approx(10 ** (-12 / 20))
    assert budget.loudest_gain(50.0, 0.1, 0.0) == 1.0
    # Five seconds at once: only 35 + 10.8 dB(A) keep the average.
    assert budget.loudest_gain(67.0, 5.0, 0.0) == pytest.approx(10 ** ((45.79 - 67) / 20), rel=1e-3)
    budget.spend(55.0, 0.5, 0.0)
    gain = budget.loudest_gain(67.0, 0.5, 1.0)
    budget.spend(67.0 + 20 * math.log10(gain), 0.5, 1.0)
    assert budget.average_dba(1.0) == pytest.approx(35.0, abs=0.01)
    assert budget.loudest_gain(67.0, 0.1, 2.0) == 0.0
    assert budget.loudest_gain(67.0, 0.1, 61.5) > 0.2


def test_silent_allows_nothing_and_no_limit_allows_all():
    assert SoundBudget(0.0, 0.0).loudest_gain(60.0, 0.1, 0.0) == 0.0
    assert SoundBudget(0.0, 0.0).left(0.0) == 0.0
    free = SoundBudget(math.inf, math.inf)
    free.spend(80.0, 30.0, 0.0)
    assert free.left(1.0) == 1.0
    assert free.loudest_gain(80.0, 30.0, 1.0) == 1.0


def test_new_limits_count_what_was_spent():
    budget = SoundBudget(60.0, 75.0)
    budget.spend(60.0, 10.0, 0.0)
    budget.limit(35.0, 55.0)
    assert budget.left(5.0) == 0.0
    assert budget.left(60.0) == 1.0


N = 1600
EXCITATION = make_excitation(16_000, (2000.0, 7500.0), 0.1, -20.0)
LOUDNESS = Loudness(88.0, 1.0)
PERIOD_NS = 100_000_000


def sound_use(limits=(35.0, 55.0)) -> SoundUse:
    return SoundUse(limits, LOUDNESS, EXCITATION, AmbientNoise(2, N, 16_000, -26.0))


def period(k: int, sounding: Any, *, level: float = 1e-4, reference=None, **more: Any):
    length = N * (1 + more.get("burst", 0))
    noise = np.random.default_rng(k).normal(0.0, level, (2, length)).astype(np.float32)
    return AudioPeriod(k, k * PERIOD_NS, noise, reference, sounding=sounding, **more)


def test_bursts_and_continuous_sound_are_counted_with_their_gain():
    use = sound_use()
    use.hear(period(0, "burst", burst=3, gain=0.1))
    spent = use.budget.spent(1.0)
    assert spent.seconds == pytest.approx(0.3)
    # A sweep is flatter than the continuous form of the same peak, so a little louder.
    assert 0.5 < spent.peak_dba - (LOUDNESS.dba(EXCITATION) - 20.0) < 2.0
    for k in range(10, 20):
        use.hear(period(k, "continuous"))
    spent = use.budget.spent(2.0)
    assert spent.seconds == pytest.approx(1.3)
    assert spent.peak_dba == pytest.approx(LOUDNESS.dba(EXCITATION), abs=0.01)


def test_the_loudest_burst_keeps_what_is_allowed():
    use = sound_use()
    gain = use.loudest_gain(3, 0.0)
    assert use.dba(3, gain) == pytest.approx(55.0, abs=0.01)
    t_s = 0.0
    while gain > 0.0:
        use.budget.spend(use.dba(3, gain), use.seconds(3), t_s)
        t_s += 0.5
        gain = use.loudest_gain(3, t_s)
    assert use.budget.average_dba(t_s) == pytest.approx(35.0, abs=0.1)
    use.limit((0.0, 0.0))
    assert use.loudest_gain(1, t_s + 100.0) == 0.0
    use.limit(None)
    assert use.loudest_gain(1, t_s) == 1.0


def test_only_silence_without_decay_and_music_is_the_ambient_noise():
    use = sound_use()
    quiet = np.zeros(N, np.float32)
    use.hear(period(0, "continuous", level=0.1))
    use.hear(period(1, "silence", level=0.1, reference=quiet))  # it still decays
    for k in range(2, 12):
        use.hear(period(k, "silence", reference=quiet))
    music = np.full(N, 0.05, np.float32)
    for k in range(12, 22):
        use.hear(period(k, "silence", level=0.1, reference=music))
    use.hear(period(22, "silence", level=0.1, reference=quiet))  # music decays
    use.hear(period(50, "silence", level=0.1, reference=quiet))  # what was between is not known
    assert use.ambient.heard_s == pytest.approx(1.0)
    # White noise of 1e-4: -77 dBFS, 120 dB SPL are full scale.
    assert use.ambient.dba() == pytest.approx(120.0 - 80.0 + 3.01, abs=1.0)
    assert use.budget.spent(3.0).seconds == pytest.approx(0.1)
