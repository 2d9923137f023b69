"""Loudspeakers of known loudness: what calibration says of each kind, and the page."""

import math

import pytest

from export.studies.loudness.cases import SHARES, LoudnessCase, measure_case
from export.studies.loudness.report import loudness_report

pytestmark = pytest.mark.export


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("clipped", "clipped"),
        ("drowned", "above the noise"),
        ("automatic gain", "controls the gain"),
        ("gain too low", "capture gain is too low"),
        ("no sensitivity", "sensitivity"),
    ],
)
def test_what_cannot_be_known_is_called_so(kind: str, said: str) -> None:
    case = measure_case(5, 0, kind)
    assert case.error_db is None
    assert case.right
    assert said in case.said


def test_the_loudness_is_found_and_a_gain_that_is_too_high_is_not() -> None:
    turned = measure_case(5, 0, "facing")
    assert turned.error_db is not None
    assert abs(turned.error_db) < 2.0
    assert not turned.unsure
    by_phone = measure_case(5, 0, "phone")
    assert by_phone.error_db is not None
    assert abs(by_phone.error_db) < 4.5
    fooled = measure_case(5, 0, "gain too high")
    assert fooled.error_db == pytest.approx(8.0, abs=2.0)
    assert not fooled.right


def test_the_page_counts_each_kind() -> None:
    assert sum(SHARES.values()) == 200
    report = loudness_report(
        [
            LoudnessCase(0, "facing", 0.5, 1.2, "65 dB(A)"),
            LoudnessCase(1, "facing", -2.5, 1.2, "61 dB(A)"),
            LoudnessCase(2, "aside", 3.0, 2.5, "70 dB(A)"),
            LoudnessCase(3, "clipped", None, math.inf, "not known"),
        ],
        "made by a test",
    )
    assert "**3 of 4** are within 2 dB" in report
    assert "| all | 4 | 1 | 1 | 1 | 1 | 2.50 dB | 2.90 dB |" in report
    assert "case 1, turned to the array" in report
    assert "-2.5 dB, said 61 dB(A)" in report
