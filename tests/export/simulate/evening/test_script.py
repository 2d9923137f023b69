"""What people do on a simulated evening."""

import numpy as np
import pytest

from export.bodies.acting import RATE_HZ
from export.simulate.conditions import joints_in_view
from export.simulate.evening.home import make_evening
from export.simulate.evening.script import PERIODS_PER_PHASE, PHASES, STILL
from export.simulate.evening.watching import watch

pytestmark = pytest.mark.export


def test_somebody_comes_walks_stands_sits_lies_and_leaves() -> None:
    evening = make_evening(1, 0, 0.1)
    (host,) = evening.roles
    assert not host.there[: round(2.5 * RATE_HZ)].any()
    assert not host.there[-round(5.0 * RATE_HZ) :].any()
    assert set(host.states) == {"walking", "standing", "sitting", "lying", "moving", "away"}
    seconds = {s: host.states.count(s) / RATE_HZ for s in set(host.states)}
    assert 5.0 < seconds["sitting"] < 7.0
    walking = np.array([s == "walking" for s in host.states])
    speed = np.linalg.norm(host.velocity[walking], axis=1)
    assert 0.6 < np.median(speed) < 1.2
    camera = evening.sound.scene.rig.true.camera
    shown = np.array(
        [
            joints_in_view(camera, evening.joints(k)[0, :15]).sum()
            for k in np.flatnonzero(host.there)
        ]
    )
    assert (shown >= 8).mean() > 0.9


def test_who_keeps_still_breathes_and_repeats_the_same_bodies() -> None:
    (host,) = make_evening(1, 0, 0.6).roles
    sitting = np.flatnonzero([s == "sitting" for s in host.states])
    rows, cycle = host.rows[sitting], PHASES * PERIODS_PER_PHASE
    np.testing.assert_array_equal(rows[:50], np.concatenate([rows[:cycle]] * 2)[:50])
    assert len(np.unique(rows)) <= len(rows) / 2
    moved = np.linalg.norm(host.vertices[rows[0] + 4] - host.vertices[rows[0] + 12], axis=1)
    # The chest by 10 mm there and back; all of them sway by 3 mm, along or against it.
    assert 0.0065 < moved.max() < 0.0135
    still = np.array([s in STILL for s in host.states])
    assert not host.velocity[still].any()


def test_in_every_third_evening_somebody_visits() -> None:
    evening = make_evening(1, 2, 0.1)
    assert len(evening.roles) == 2
    host, guest = evening.roles
    assert (host.there & guest.there).any()
    assert len(host.rows) == len(guest.rows) == evening.periods
    assert np.isnan(evening.joints(0)).all()


def test_the_detectors_errors_last_longer_while_somebody_keeps_still() -> None:
    evening = make_evening(1, 0, 0.3)
    (host,) = evening.roles
    camera = evening.sound.scene.rig.true.camera
    off = {
        k: f[0][1].pixels[:19, :2] - camera.project(host.joints[host.rows[2 * k], :19])
        for k, f in enumerate(watch(evening, 2))
        if f
    }

    def change(state: str, images: int) -> float:
        """Of the errors of two images so far apart, median [px]."""
        pairs = [(k, k + images) for k in off if k + images in off]
        which = [p for p in pairs if {host.states[2 * k] for k in range(p[0], p[1] + 1)} == {state}]
        return float(np.nanmedian([np.linalg.norm(off[a] - off[b], axis=1) for a, b in which]))

    assert change("sitting", 1) < 2.5 < change("walking", 1)
    independent = np.sqrt(2.0) * np.nanmedian(
        [np.linalg.norm(off[k], axis=1) for k in off if host.states[2 * k] == "walking"]
    )
    # On real frames 0.55 after 0.2 s.
    assert 0.35 < change("walking", 1) / independent < 0.8
