"""The loudness cases as a Markdown report."""

from collections.abc import Sequence

import numpy as np

from export.studies.loudness.cases import SHARES, WITHIN_DB, LoudnessCase

TITLES = {
    "facing": "turned to the array, 0.3 to 0.8 m in front of it (`--facing`)",
    "aside": "in its place beside the array",
    "phone": "a phone's reading (`--phone-dba`), off by 1.5 dB",
    "clipped": "microphones' channels clipped",
    "drowned": "drowned in noise",
    "automatic gain": "an automatic gain at work",
    "gain too low": "capture gain 14 to 22 dB too low",
    "gain too high": "capture gain 8 dB too high",
    "no sensitivity": "microphones of unknown sensitivity",
}

_INTRODUCTION = """\
Simulated, no hardware. The array is the ReSpeaker USB Mic Array v2.0 with the sensitivity of its
profile; its microphones differ from that within the data sheet's 3 dB (three sigma; half of the
variance is common to the four), and in their response (0.5 dB RMS). Loudspeakers have 76 to 94 dB
SPL at 1 m at full scale, a response with 0.5 to 3 dB RMS, distortion and a directivity between a
sphere and 0.6 of a cardioid, aimed about 9 degrees (turned to the array) or 27 degrees off. Peaks
of -12, -20 or -30 dBFS; furnished rooms (image sources); 28 to 42 dB(A) of ambient noise and 33
dB(A) of the microphones' own; places measured to 3 mm per axis. The truth is dB(A) at 1 m on the
loudspeaker's axis, without the room. *Unsure*: calibration says that the figure may be off by more
than 2 dB; it counts as right where the truth lies within two of its sigma.
"""


def loudness_report(cases: Sequence[LoudnessCase], command: str) -> str:
    """The report. command: that made it."""
    right = sum(c.right for c in cases)
    lines = [
        "# Loudness at 1 m, as `posekernel calibrate` finds it",
        "",
        _INTRODUCTION,
        "```",
        command,
        "```",
        "",
        f"**{right} of {len(cases)}** are within {WITHIN_DB:g} dB of the truth, or calibration "
        "says that it cannot know.",
        "",
        "| case | cases | within 2 dB | unsure, and holds | called unknown | wrong | median error |"
        " 90 % within |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(TITLES[kind], [c for c in cases if c.kind == kind]) for kind in SHARES]
    lines += [_row("all", list(cases)), "", _LIMITS]
    if wrong := [c for c in cases if not c.right]:
        lines += ["Wrong:", ""]
        lines += [
            f"- case {c.number}, {TITLES[c.kind]}: {c.error_db:+.1f} dB, said {c.said}"
            for c in wrong
        ]
    return "\n".join(lines).rstrip()


_LIMITS = """\
A capture gain that is too high shows nowhere: a room then seems louder by as much, and only a
phone's reading tells. The profile's sensitivity is the microphone's; whether the firmware adds gain
is not published, and no real array was measured.
"""


def _row(title: str, cases: Sequence[LoudnessCase]) -> str:
    errors = np.abs([c.error_db for c in cases if c.error_db is not None])
    near = sum(e <= WITHIN_DB for e in errors)
    unsure = sum(c.right and c.error_db is not None and abs(c.error_db) > WITHIN_DB for c in cases)
    unknown = sum(c.error_db is None for c in cases)
    wrong = sum(not c.right for c in cases)
    numbers = ("", "")
    if len(errors):
        numbers = f"{np.median(errors):.2f} dB", f"{np.quantile(errors, 0.9):.2f} dB"
    return (
        f"| {title} | {len(cases)} | {near} | {unsure} | {unknown} | {wrong} | {numbers[0]} | "
        f"{numbers[1]} |"
    )
