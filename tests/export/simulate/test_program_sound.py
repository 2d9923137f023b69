"""Excerpts of music and speech that come with the simulator."""

import numpy as np
import pytest

from export.simulate.program_sound import MUSIC, RATE_HZ, load_program_sound


@pytest.mark.parametrize("name", [*MUSIC, "speech"])
def test_excerpts_are_short_and_hold_sound_in_the_band(name):
    x = load_program_sound(name)
    assert len(x) == 5 * RATE_HZ
    assert np.abs(x).max() <= 1.0
    power = np.abs(np.fft.rfft(x)) ** 2
    hz = np.fft.rfftfreq(len(x), 1.0 / RATE_HZ)
    share = power[(hz > 2_000.0) & (hz < 7_500.0)].sum() / power.sum()
    assert -17.0 < 10.0 * np.log10(share) < -10.0


def test_speech_has_pauses_of_more_than_a_second():
    silent = load_program_sound("speech") == 0.0
    assert 0.3 < silent.mean() < 0.5
    assert silent[int(1.6 * RATE_HZ) : int(3.0 * RATE_HZ)].all()
