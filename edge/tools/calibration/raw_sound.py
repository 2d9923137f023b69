"""Copies, clipped and stuck channels in a take, by the judge of the running sensor."""

import numpy as np

from edge.core.calibration_file import Step
from edge.sound.fault_words import in_words
from edge.sound.microphone_health import MicrophoneHealth
from edge.tools.calibration.takes import SoundTake

# The averaged spectra tell a dead channel better: `channels` names it.
_TOLD_ELSEWHERE = ("silent",)


def judge_raw_sound(take: SoundTake) -> list[Step]:
    """A step for each fault; none where all is well."""
    x = take.excitation
    health = MicrophoneHealth(take.rig, x.period_samples / x.sample_rate_hz, x.sample_rate_hz)
    for period in take.raw:
        reference = None if take.map.reference is None else period[take.map.reference]
        health(np.ascontiguousarray(period[list(take.map.mics)]), None, reference)
    problems = [
        (f, in_words(f, take.map.mics, take.map.reference))
        for f in health.faults
        if f.kind not in _TOLD_ELSEWHERE
    ]
    return [
        Step(
            "microphones",
            "fault" if fault.spoils else "warning",
            f"{problem.what}; likely cause: {problem.cause}",
            problem.remedy,
            fault.kind if fault.spoils else "",
        )
        for fault, problem in problems
    ]
