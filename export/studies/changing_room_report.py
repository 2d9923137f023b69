"""The report of `changing_room` as Markdown."""

from collections.abc import Sequence

import numpy as np

from edge.core.arrays import Array
from export.bodies.acting import RATE_HZ
from export.studies.changing_room import CHANGED_S, SILENT, STILL_RATE_HZ, ChangeOutcome
from export.studies.living_room import DOG, UNCHANGED

AFTER_S = 10.0
NAMES = {
    UNCHANGED: "nothing changes",
    "chair": "a chair is moved",
    "door": "a door is opened",
    "person": "somebody comes, out of view",
    DOG: "a dog walks about",
    SILENT: "without sound",
}


def changes_table(outcomes: Sequence[ChangeOutcome]) -> str:
    """Mean and median error in the AFTER_S seconds after the change, and in parts of them."""
    begin, end = round(CHANGED_S * RATE_HZ), round((CHANGED_S + AFTER_S) * RATE_HZ)
    parts = [(0, 2), (2, 5), (5, 10)]
    lines = [
        "| | mean, cm | over unchanged | median | "
        + " | ".join(f"mean at {a}-{b} s" for a, b in parts)
        + " | worse than without sound, of homes | noticed, of homes |",
        "|---" * (6 + len(parts)) + "|",
    ]
    unchanged = np.nan
    silent = [np.nanmean(o.errors_cm[SILENT][begin:end]) for o in outcomes]
    for kind, name in NAMES.items():
        errors = np.array([o.errors_cm[kind] for o in outcomes])
        after = errors[:, begin:end]
        mean = float(np.nanmean(after))
        unchanged = mean if kind == UNCHANGED else unchanged
        steps = [
            np.nanmean(errors[:, begin + round(a * RATE_HZ) : begin + round(b * RATE_HZ)])
            for a, b in parts
        ]
        worse = sum(np.nanmean(e) > s for e, s in zip(after, silent, strict=True))
        noticed = sum(any(s > -1.0 for s in o.noticed_s[kind]) for o in outcomes)
        lines.append(
            f"| {name} | {mean:.1f} | {mean / unchanged:.2f} | {np.nanmedian(after):.1f} | "
            + " | ".join(f"{step:.1f}" for step in steps)
            + (" | - | - |" if kind == SILENT else f" | {worse} | {noticed} |")
        )
    return "\n".join(lines)


def still_table(homes: Sequence[Array]) -> str:
    """Mid-hip error of people who sit, in the first and in the last minute and in between."""
    lines = [
        "| home | first minute: median (mean), cm | last minute | largest median of any minute |",
        "|---|---|---|---|",
    ]
    minute = round(60.0 * STILL_RATE_HZ)
    for n, errors in enumerate(homes):
        first, last = errors[:minute], errors[-minute:]
        whole = errors[: len(errors) // minute * minute].reshape(-1, minute)
        cells = [f"{np.nanmedian(e):.1f} ({np.nanmean(e):.1f})" for e in (first, last)]
        most = float(np.nanmax(np.nanmedian(whole, axis=1)))
        lines.append(f"| {n + 1} | {cells[0]} | {cells[1]} | {most:.1f} |")
    return "\n".join(lines)


def changing_room_report(
    outcomes: Sequence[ChangeOutcome], still: Sequence[Array], minutes: float, command: str
) -> str:
    """The page. command: that made it."""
    return f"""\
# A room that changes

Somebody walks about, stands and sits in a simulated living room (test split, field conditions, a
six-microphone array; they walk less than half of the time). After {CHANGED_S:g} s something
changes. What comes out of the sensor's own pipeline, from 2D joints and raw sound on, is compared
with the true joints: the published, smoothed pose, all 15 joints. All kinds of change are added to
the very same recording, {len(outcomes)} homes in all; mutual shadow of person and furniture is left
out.

    {command} --out export/studies/results/changing_room.md

{changes_table(outcomes)}

A detector's errors last as on real frames (`LastingDetector`). "noticed": `Background.changes`
named something within the seconds that were simulated.

## Somebody who keeps still

They sit, breathe (5 mm) and shift by a centimetre every few minutes for {minutes:g} minutes, at
{STILL_RATE_HZ:g} periods a second, while the air warms and cools. Error of the mid-hip:

{still_table(still)}
"""
