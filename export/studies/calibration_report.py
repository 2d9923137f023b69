"""What calibration made of simulated arrays, as Markdown: fault put in against fault named."""

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


def calibration_report(told: Sequence[CaseOutcome], command: str) -> str:
    """The confusion table, how exact the measured faults are, what was wrong case by case, and how
    it was made.
    """
    faulty, good = ([t for t in told if (t.fault == NONE) == wanted] for wanted in (False, True))
    right, clean = sum(t.right for t in faulty), sum(t.right for t in good)
    places = Counter(t.places for t in told)
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
        *_confusion(told),
        "",
        "A case that stays open counts as wrong, and so does a second fault told beside the "
        "right one.",
        "",
        "Places of the loudspeaker that calibration asked for: "
        + ", ".join(f"{k} in {places[k]} cases" for k in sorted(places))
        + ".",
        "",
        *_errors(told),
    ]
    if wrong := [t for t in told if not t.right]:
        lines += ["", "Wrong:", ""]
        lines += [
            f"- case {t.number} ({t.array}): {TITLES[t.fault]} put in, "
            f"{', '.join(t.named) or NONE} named"
            f"{', a wrong channel blamed' if not t.blamed else ''}{', left open' if t.open else ''}"
            for t in wrong
        ]
    return "\n".join(lines)


_INTRODUCTION = """Simulated, no hardware. Arrays of the profiles' geometry at 16 kHz, 2-7.5 kHz, in random furnished rooms
(image sources), with random loudspeaker and microphone responses, gains (1 dB RMS), directivity, distortion, noise (-70 to -50
dBFS) and clock jitter; the array's place is known to 3 mm and 0.7 degrees, each microphone to 0.5 mm, the loudspeaker to 3 mm
per axis, the air to 0.7 degrees C. A drawn loudspeaker is minimum-phase, and its resonances may delay its own sound, rarely by
more than 0.2 ms: that counts as nothing put in, and calibrate must tell it from a delay of the electronics (with which the
all-pass of a real crossover would count). Where calibration asks for another place of the loudspeaker, it is put there, or at
the next best place that is inside the room, with the same 3 mm. A late loudspeaker is drawn only for arrays with a loopback
channel: without one the delay cannot be known, and does no harm. The skew adds up from period to period.
"""


def _confusion(told: Sequence[CaseOutcome]) -> list[str]:
    columns = [*FAULTS, NONE]
    rows = [
        f"| put in | cases | {' | '.join(columns)} | several | open | all right |",
        "|---" * (len(columns) + 5) + "|",
    ]
    for fault in columns:
        of = [t for t in told if t.fault == fault]
        named = Counter(
            t.named[0] if len(t.named) == 1 else "several" if t.named else NONE for t in of
        )
        cells = [str(named.get(c, 0)) for c in (*columns, "several")]
        undecided, right = sum(t.open for t in of), sum(t.right for t in of)
        rows.append(
            f"| {TITLES[fault]} | {len(of)} | {' | '.join(cells)} | {undecided} | {right} |"
        )
    return rows


def _errors(told: Sequence[CaseOutcome]) -> list[str]:
    rows = ["| measured | cases | median error | 90 % within | worst |", "|---|---|---|---|---|"]
    for fault, unit in UNITS.items():
        errors = np.abs([t.error for t in told if t.fault == fault and np.isfinite(t.error)])
        if len(errors):
            high = f"{np.quantile(errors, 0.9):.2f} {unit}"
            rows.append(
                f"| {TITLES[fault]} | {len(errors)} | {np.median(errors):.2f} {unit} | {high} | "
                f"{errors.max():.2f} {unit} |"
            )
    return rows
