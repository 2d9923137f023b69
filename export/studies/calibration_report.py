"""The calibration cases as a Markdown report: actual fault against named fault."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from export.studies.calibration_cases import FAULTS, NONE, CaseOutcome

TITLES = {
    "swapped": "two channels swapped",
    "dead": "one channel dead",
    "geometry": "a microphone 10 mm off",
    "clock": "capture clock 200 ppm off",
    "delay": "loudspeaker 0.5 to 20 ms late",
    NONE: "nothing",
}
UNITS = {"geometry": "mm", "clock": "ppm", "delay": "cm"}


def calibration_report(cases: Sequence[CaseOutcome], command: str) -> str:
    """The report. command: that made it."""
    faulty, good = ([t for t in cases if (t.fault == NONE) == wanted] for wanted in (False, True))
    right, clean = sum(t.right for t in faulty), sum(t.right for t in good)
    places = Counter(t.places for t in cases)
    lines = [
        "# Calibration of arrays with faults put in",
        "",
        _INTRODUCTION,
        "```",
        command,
        "```",
        "",
        f"{right} of {len(faulty)} faulty arrays were named with the right fault, the right "
        "channels and nothing else; "
        f"{clean} of {len(good)} good ones were called good.",
        "",
        *_confusion(cases),
        "",
        "A case that stays open counts as wrong, and so does a second fault beside the right one.",
        "",
        "Places of the loudspeaker that calibration asked for: "
        + ", ".join(f"{k} in {places[k]} cases" for k in sorted(places))
        + ".",
        "",
        *_errors(cases),
    ]
    if wrong := [t for t in cases if not t.right]:
        lines += ["", "Wrong:", ""]
        lines += [
            f"- case {t.number} ({t.array}): {TITLES[t.fault]} put in, "
            f"{', '.join(t.named) or NONE} named"
            f"{', a wrong channel blamed' if not t.blamed else ''}{', left open' if t.open else ''}"
            for t in wrong
        ]
    return "\n".join(lines)


_INTRODUCTION = """\
Simulated, no hardware. The arrays have the geometry of the profiles, at 16 kHz and 2-7.5 kHz, in
random furnished rooms (image sources), with random loudspeaker and microphone responses, gains (1
dB RMS), directivity, distortion, noise (-70 to -50 dBFS) and clock jitter. The array's place is
known to 3 mm and 0.7 degrees, each microphone to 0.5 mm, the loudspeaker to 3 mm per axis, the air
to 0.7 degrees C. The loudspeakers are minimum-phase, and their resonances may delay the sound,
rarely by more than 0.2 ms. That is no fault: calibrate must distinguish it from a delay of the
electronics (the all-pass of a real crossover would count as one). Where calibration asks for
another place of the loudspeaker, it is put there, or at the next best place inside the room, with
the same 3 mm. Only arrays with a loopback channel get a late loudspeaker: without one the delay
cannot be known, and does no harm. The clock skew adds up from period to period.
"""


def _confusion(cases: Sequence[CaseOutcome]) -> list[str]:
    columns = [*FAULTS, NONE]
    rows = [
        f"| put in | cases | {' | '.join(columns)} | several | open | all right |",
        "|---" * (len(columns) + 5) + "|",
    ]
    for fault in columns:
        of = [t for t in cases if t.fault == fault]
        named = Counter(
            t.named[0] if len(t.named) == 1 else "several" if t.named else NONE for t in of
        )
        cells = [str(named.get(c, 0)) for c in (*columns, "several")]
        undecided, right = sum(t.open for t in of), sum(t.right for t in of)
        rows.append(
            f"| {TITLES[fault]} | {len(of)} | {' | '.join(cells)} | {undecided} | {right} |"
        )
    return rows


def _errors(cases: Sequence[CaseOutcome]) -> list[str]:
    rows = ["| measured | cases | median error | 90 % within | worst |", "|---|---|---|---|---|"]
    for fault, unit in UNITS.items():
        errors = np.abs([t.error for t in cases if t.fault == fault and np.isfinite(t.error)])
        if len(errors):
            high = f"{np.quantile(errors, 0.9):.2f} {unit}"
            rows.append(
                f"| {TITLES[fault]} | {len(errors)} | {np.median(errors):.2f} {unit} | {high} | "
                f"{errors.max():.2f} {unit} |"
            )
    return rows
