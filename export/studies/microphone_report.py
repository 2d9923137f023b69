"""The microphone cases as a Markdown report: fault put in against fault named."""

from collections import Counter
from collections.abc import Sequence

from export.studies.calibration_cases import NONE
from export.studies.microphone_cases import APART_S, CALLED, KINDS, MicrophoneCase

TITLES = {
    "dead": "dead (zero, or its own noise only)",
    "soft": "soft by 12 dB",
    "exchanged": "two exchanged",
    "copied": "a copy of another",
    "clipped": "clipped",
    "hum": "mains hum",
    NONE: "nothing",
}
_CLOSE = "two exchanged, arrivals alike"


def microphone_report(cases: Sequence[MicrophoneCase], command: str) -> str:
    """The report. command: that made it."""
    faulty = [c for c in cases if c.kind != NONE and c.decidable]
    good = [c for c in cases if c.kind == NONE]
    close = [c for c in cases if not c.decidable]
    right, accused = sum(c.right for c in faulty), sum(not c.right for c in good)
    lines = [
        "# Faulty microphones, found while the sensor runs",
        "",
        _INTRODUCTION,
        "```",
        command,
        "```",
        "",
        f"{right} of {len(faulty)} faults that can be told were named right: the fault, its "
        f"microphones and nothing else ({100 * right / max(len(faulty), 1):.1f} %); {accused} of "
        f"{len(good)} good arrays were accused.",
        "",
        f"Exchanged microphones can be told from one place of the loudspeaker only where their "
        f"direct arrivals differ by more than half a sample at 16 kHz ({1e6 * APART_S:.0f} us). In "
        f"{len(close)} more cases they differ by less: {sum(c.right for c in close)} of these were "
        f"named right, {sum(bool(c.named) and not c.right for c in close)} named wrong, the others "
        "called good. `posekernel calibrate` tells them by moving the loudspeaker.",
        "",
        *_table(cases),
        "",
        *_arrays(cases),
    ]
    if wrong := [c for c in cases if not c.right and c.decidable]:
        lines += ["", "Wrong:", ""]
        for c in wrong:
            named = ", ".join(f"{f.microphone} {f.kind} ({f.figure})" for f in c.named) or NONE
            lines.append(f"- case {c.number} ({c.array}): {TITLES[c.kind]} put in; named: {named}")
    return "\n".join(lines)


_INTRODUCTION = """\
Simulated, no hardware. The arrays have the geometry of the profiles (2, 4 and 6 microphones, with
and without using a loopback, at 16 and 48 kHz, every band of the simulator), in random furnished
rooms (image sources), with random loudspeaker and microphone responses, gains (1 dB RMS),
directivity, distortion, noise (-70 to -50 dBFS) and clock jitter. Rig positions are off as after
measuring by hand: the array by 3 mm and 0.7 degrees, each microphone by 0.5 mm, the loudspeaker by
3 mm per axis, the air by 0.7 degrees C. Somebody walks through the room at 1 m/s. The recording
(ten periods) goes through the sensor's own deconvolution and `MicrophoneHealth`. A clipped
microphone has 6 dB more than it can take; hum has 50 or 60 Hz and harmonics at -35 to -20 dBFS.
"""


def _table(cases: Sequence[MicrophoneCase]) -> list[str]:
    rows = [
        "| put in | cases | named right | named wrong | nothing named |",
        "|---|---|---|---|---|",
    ]
    groups = [(TITLES[k], [c for c in cases if c.kind == k and c.decidable]) for k in CALLED]
    groups.append((_CLOSE, [c for c in cases if not c.decidable]))
    groups.append((TITLES[NONE], [c for c in cases if c.kind == NONE]))
    for title, of in groups:
        right = sum(c.right for c in of)
        wrong = sum(bool(c.named) and not c.right for c in of)
        silent = sum(not c.named for c in of)
        rows.append(f"| {title} | {len(of)} | {right} | {wrong} | {silent} |")
    return rows


def _arrays(cases: Sequence[MicrophoneCase]) -> list[str]:
    rows = [
        "| array | microphones | loopback | faults | named right | good | accused |",
        "|---|---|---|---|---|---|---|",
    ]
    kinds = Counter((c.array, c.mics, c.loopback) for c in cases)
    for array, mics, loopback in sorted(kinds):
        own = [c for c in cases if (c.array, c.loopback) == (array, loopback)]
        faulty = [c for c in own if c.kind in KINDS and c.decidable]
        good = [c for c in own if c.kind == NONE]
        rows.append(
            f"| {array} | {mics} | {'yes' if loopback else 'no'} | {len(faulty)} | "
            f"{sum(c.right for c in faulty)} | {len(good)} | {sum(not c.right for c in good)} |"
        )
    return rows
