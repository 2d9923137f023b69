"""How the room sounds in other air: gain, offset and stretch, fitted and undone."""

import numpy as np
import pytest

from edge.sound.room.drift.warp import fit, fit_from_afar, identity, inverse, warped
from tests.support.scenes.drifting_room import WALLS, responses
from tests.support.scenes.signals import RATE, db


def test_fit_finds_stretch_offset_and_gain():
    still = responses(*WALLS, 343.42)
    length = np.full(6, 1_000)
    found = fit(responses(*WALLS, 344.0, 1e-6) * 1.1, still, length, identity(6), 4)
    assert found.stretch == pytest.approx(344.0 / 343.42 - 1.0, rel=0.02)
    np.testing.assert_allclose(found.offset, -1e-6 * RATE, atol=0.01)
    np.testing.assert_allclose(found.gain, 1.1, rtol=0.01)
    for c in (334.0, 353.0):
        far = fit_from_afar(responses(*WALLS, c), still, length, 14.0, 2)
        assert far.stretch == pytest.approx(c / 343.42 - 1.0, rel=0.02)


def test_inverse_undoes_a_warp():
    still = responses(*WALLS, 343.42)
    there = fit(responses(*WALLS, 344.0), still, np.full(6, 1_000), identity(6), 3)
    again = warped(np.nan_to_num(warped(still, there)), inverse(there))
    assert db(np.abs(again - still)[:, 20:-20].max() / np.abs(still).max()) < -60.0
