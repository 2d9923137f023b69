"""Errors, coverage and loudness of records whose numbers are known."""

import numpy as np
import pytest

from export.simulate.evening.ambience import PASCAL_AT_0_DB
from export.simulate.evening.script import STATES
from export.studies.quiet.measures import accuracy, coverage, over_evenings, sounded
from export.studies.quiet.plot import draw
from export.studies.quiet.record import EveningRecord
from export.studies.quiet.report import as_json, measure, page, tables

pytestmark = pytest.mark.export


def record(off_m: float, state: str = "sitting", source: int = 0, level_dba: float = 60.0):
    """Ten images of somebody 3 m away whom the sensor puts `off_m` too far, 1-sigma 5 cm."""
    true = np.tile([0.0, 0.0, 3.0], (10, 15, 1))
    joints = true + np.array([0.0, 0.0, off_m])
    own = np.zeros(40)
    own[:4] = PASCAL_AT_0_DB**2 * 10.0 ** (level_dba / 10.0)
    return EveningRecord(
        np.arange(10),
        np.full(10, STATES.index(state)),
        np.linspace(1.0, 100.0, 10),
        true,
        joints,
        np.full((10, 15), 0.05),
        np.full(10, source),
        np.full(10, 6),
        own,
        np.arange(40) < 20,
        0.1,
    )


def test_errors_are_of_the_group_and_a_missing_pose_is_a_miss() -> None:
    some = [record(0.04), record(0.08), record(0.5, "walking")]
    some[0].joints[5:] = np.nan
    some[0].source[5:] = -1
    still = accuracy(some, "still")
    assert still.median.value == pytest.approx(0.08)
    assert still.mean.value == pytest.approx((5 * 0.04 + 10 * 0.08) / 15)
    assert still.pck.value == pytest.approx(15 / 20)
    assert (still.posed, still.by_sound) == (0.75, 1.0)
    assert accuracy(some, "walking").median.value == pytest.approx(0.5)
    assert accuracy(some, "still, from the second minute").pck.samples == 8


def test_coverage_is_of_one_scale_source() -> None:
    some = [record(0.04), record(0.06, source=1), record(-0.04, source=1)]
    assert coverage(some, "sound").share.value == 1.0
    assert coverage(some, "memory").share.value == 0.5
    assert coverage(some, "floor").poses == 0


def test_loudness_is_an_energy_average_while_somebody_is_in_view() -> None:
    loud = sounded([record(0.0)])
    # 4 of 20 periods: 7 dB less.
    assert loud.average_dba == pytest.approx(60.0 + 10.0 * np.log10(0.2))
    assert loud.peak_dba == pytest.approx(60.0)
    assert loud.seconds_per_minute == pytest.approx(12.0)
    assert loud.alone_dba == -np.inf


def test_intervals_are_over_evenings_and_so_wide_where_evenings_differ() -> None:
    alike = over_evenings([np.full(100, 0.05), np.full(100, 0.05)], np.median)
    assert (alike.low, alike.high, alike.samples) == (0.05, 0.05, 200)
    different = over_evenings(
        [np.full(100, 0.02), np.full(100, 0.06), np.full(100, 0.1)], np.median
    )
    assert (different.low, different.value, different.high) == (0.02, 0.06, 0.1)


def test_the_tables_say_what_was_met_and_the_plot_is_small(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    both = [record(0.05), record(0.05, "walking")]
    records = {
        ("silent", True): [record(0.07), record(0.07, "walking")],
        ("discreet", True): [record(0.03, level_dba=40.0), record(0.07, "walking", level_dba=40.0)],
        ("normal", True): both,
    }
    measured = measure(records)
    text = tables(measured)
    assert "| discreet, still, height known: median | 4 cm | 3.0 (3.0-3.0) | yes |" in text
    assert "| discreet, walking, height known: median | 6 cm | 7.0 (7.0-7.0) | no |" in text
    assert "silent, discreet, normal | falls or stays | 7.0 / 3.0 / 5.0 cm | no |" in text
    assert "at most silent's 7.0 cm | all | yes |" in text
    whole = page(measured, 2, "quiet", {"lifter.tflite": "0123456789abcdef"})
    assert text in whole
    assert "`lifter.tflite` 01234567" in whole
    assert as_json(measured)[1]["sound"]["average_dba"] == pytest.approx(33.0, abs=0.1)
    for name in ("quiet.svg", "quiet.png"):
        draw(measured, tmp_path / name)
        assert 2_000 < (tmp_path / name).stat().st_size < 200_000
