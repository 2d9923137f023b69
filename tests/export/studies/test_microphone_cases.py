"""Simulated arrays with a faulty microphone: the sensor's judge names it, and nothing else."""

import pytest

from export.studies.calibration_cases import NONE
from export.studies.microphone_cases import APART_S, KINDS, judge_case
from export.studies.microphone_report import microphone_report

pytestmark = pytest.mark.export


@pytest.mark.parametrize("kind", [*KINDS, NONE])
def test_each_fault_is_named_and_no_other(kind: str) -> None:
    case = judge_case(3, 0, kind, "respeaker-6-mic-circular")
    assert case.decidable
    assert case.right, case


def test_exchanged_microphones_with_equal_arrivals_are_counted_apart() -> None:
    cases = [judge_case(5005, k, "exchanged", "respeaker-2-mic-hat") for k in (19, 29)]
    assert [c.decidable for c in cases] == [False, True]
    assert cases[0].apart_s < APART_S < cases[1].apart_s
    report = microphone_report(cases, "made by a test")
    assert "1 of 1 faults that can be told were named right" in report
    assert "In 1 more cases they differ by less" in report
