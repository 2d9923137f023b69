"""The energy average over a minute, and the loudest sound that keeps it."""

import math

import pytest

from edge.sound.sound_budget import SoundBudget, SoundSpent


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
