"""The page of results: tables by policy, and what was to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from export.evaluate.metrics import ConfidenceInterval
from export.studies.quiet.measures import (
    GROUPS,
    Accuracy,
    Coverage,
    Sounded,
    accuracy,
    coverage,
    sounded,
)
from export.studies.quiet.policies import LADDER, POLICIES, Policy
from export.studies.quiet.record import SOURCES, EveningRecord

HEIGHTS = (True, False)  # of the camera: known or not
COVERED = (0.60, 0.76)
WALKING_LATER, STILL_LATER = "walking, from the second minute", "still, from the second minute"

Key = tuple[str, bool]  # name of a policy, and whether the camera's height is known


@dataclass(frozen=True, eq=False)
class Measured:
    """Everything of one policy with the camera's height known or not."""

    policy: Policy
    known_height: bool
    groups: dict[str, Accuracy]
    sounded: Sounded
    covered: dict[str, Coverage]


def measure(records: Mapping[Key, Sequence[EveningRecord]]) -> dict[Key, Measured]:
    """Of the records of each policy."""
    by_name = {p.name: p for p in POLICIES}
    return {
        (name, known): Measured(
            by_name[name],
            known,
            {group: accuracy(rows, group) for group in GROUPS},
            sounded(rows),
            {source: coverage(rows, source) for source in SOURCES},
        )
        for (name, known), rows in records.items()
    }


def as_json(measured: Mapping[Key, Measured]) -> list[dict[str, Any]]:
    """The same for `--json`."""
    return [
        {
            "policy": m.policy.name,
            "camera_height_known": m.known_height,
            "sound": asdict(m.sounded),
            "groups": {name: asdict(a) for name, a in m.groups.items()},
            "within_sigma": {name: asdict(c) for name, c in m.covered.items()},
        }
        for m in measured.values()
    ]


def page(
    measured: Mapping[Key, Measured], evenings: int, command: str, networks: Mapping[str, str]
) -> str:
    """The page of results. command: that made it. networks: files that placed people, and their
    SHA-256.
    """
    used = ", ".join(f"`{name}` {digest[:8]}" for name, digest in networks.items())
    return f"""\
# A sensor one can live with: error against loudness

{evenings} simulated evenings, people and rooms of the test split, a six-microphone array, field
conditions: the rig is measured with errors, 2D joints have the fitted detector's errors, which
last, the air warms. Somebody comes, walks about, stands, sits and lies for a while each, and
leaves; in every third evening somebody else visits. They breathe, sway and shift when they keep
still, and walk on while a probe sounds. The room has 35 dB(A) of noise and a fridge; in one of four
evenings a television, in another one people talk. Each policy goes through the sensor's own code,
five images a second. Errors are of published poses against the truth. Sound is A-weighted, at 1 m
from the loudspeaker, of the sensor's own sound only. Intervals are 95 %, over evenings.
Networks, by the SHA-256 of their files: {used}.

    {command} --plot export/studies/results/quiet.svg --out export/studies/results/quiet.md

![Error against loudness](quiet.svg)

{tables(measured)}
"""


def tables(measured: Mapping[Key, Measured]) -> str:
    """As Markdown: loudness, errors with and without the camera's height, coverage, the verdict."""
    known = {True: "known", False: "unknown"}
    parts = ["### How loud\n", _sound_table(measured)]
    for height in HEIGHTS:
        if any(k[1] == height for k in measured):
            parts += [f"\n### Errors, camera's height {known[height]}\n"]
            parts += [_error_table([m for k, m in measured.items() if k[1] == height])]
    parts += ["\n### Shares within 1-sigma\n", _coverage_table(measured)]
    parts += ["\n### What was to be shown\n", _verdict_table(measured)]
    return "\n".join(parts)


def _sound_table(measured: Mapping[Key, Measured]) -> str:
    lines = [
        "| policy | average at 1 m, somebody in view | loudest 0.1 s | sound per minute "
        "| average at 1 m, nobody in view |",
        "|---" * 5 + "|",
    ]
    for m in measured.values():
        if m.known_height or (m.policy.name, True) not in measured:
            s = m.sounded
            lines.append(
                f"| {m.policy.title} | {_dba(s.average_dba)} | {_dba(s.peak_dba)} | "
                f"{s.seconds_per_minute:.1f} s | {_dba(s.alone_dba)} |"
            )
    return "\n".join(lines)


def _error_table(rows: Sequence[Measured]) -> str:
    lines = [
        "| policy | state | images | mid-hip distance: median, cm | mean | MPJPE median "
        "| PCK at 15 cm | scale from sound |",
        "|---" * 8 + "|",
    ]
    for m in rows:
        for group in ("still", "walking", STILL_LATER, WALKING_LATER):
            a = m.groups[group]
            lines.append(
                f"| {m.policy.title} | {group} | {a.pck.samples} | {_cm(a.median)} | "
                f"{100 * a.mean.value:.1f} | {_cm(a.mpjpe)} | {100 * a.pck.value:.0f} % | "
                f"{100 * a.by_sound:.0f} % |"
            )
    return "\n".join(lines)


def _coverage_table(measured: Mapping[Key, Measured]) -> str:
    lines = ["| policy | camera's height | " + " | ".join(SOURCES) + " |", "|---" * 6 + "|"]
    for m in measured.values():
        cells = [
            f"{100 * c.share.value:.0f} % of {c.poses}" if c.poses else "-"
            for c in m.covered.values()
        ]
        height = "known" if m.known_height else "unknown"
        lines.append(f"| {m.policy.title} | {height} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _verdict_table(measured: Mapping[Key, Measured]) -> str:
    lines = ["| to be shown | at most | measured | met |", "|---" * 4 + "|"]
    for name, known, group, most_cm in (
        ("discreet", True, "still", 4.0),
        ("discreet", True, "walking", 6.0),
        ("discreet", False, "still", 5.0),
        ("discreet", False, "walking", 8.0),
        ("minute", True, STILL_LATER, 6.5),
        ("minute", True, WALKING_LATER, 6.5),
        ("minute", False, STILL_LATER, 9.0),
        ("minute", False, WALKING_LATER, 9.0),
        ("music65", True, "still", 4.0),
        ("music65", True, "walking", 8.0),
        ("music55", True, "still", 6.0),
        ("music55", True, "walking", 9.0),
    ):
        m = measured.get((name, known))
        if m is not None and m.groups[group].median.samples:
            a = m.groups[group].median
            height = "known" if known else "unknown"
            lines.append(
                f"| {m.policy.title}, {group}, height {height}: median | {most_cm:g} cm | "
                f"{_cm(a)} | {_yes(100 * a.value <= most_cm)} |"
            )
    discreet = measured.get(("discreet", True))
    if discreet is not None:
        both = [discreet.groups[g].pck.value for g in ("still", "walking")]
        shares = ", ".join(f"{100 * share:.0f} %" for share in both)
        lines.append(
            f"| discreet, still and walking: PCK at 15 cm | at least 85 % | {shares} | "
            f"{_yes(min(both) >= 0.85)} |"
        )
        s = discreet.sounded
        lines.append(
            f"| discreet: average and peak at 1 m | 35 and 55 dB(A) | {_dba(s.average_dba)}, "
            f"{_dba(s.peak_dba)} | {_yes(s.average_dba <= 35.5 and s.peak_dba <= 55.5)} |"
        )
    for known in HEIGHTS:
        for group in ("still", "walking"):
            lines += [_ladder(measured, known, group), _silence(measured, known, group)]
    return "\n".join(line for line in lines if line)


def _ladder(measured: Mapping[Key, Measured], known: bool, group: str) -> str:
    """More sound is never worse, within the intervals."""
    there = [measured[name, known] for name in LADDER if (name, known) in measured]
    steps = [m.groups[group].median for m in there]
    if len(steps) < 2 or not steps[0].samples:
        return ""
    better = all(b.value <= a.value or b.low <= a.high for a, b in pairwise(steps))
    height = "known" if known else "unknown"
    found = " / ".join(f"{100 * s.value:.1f}" for s in steps)
    return (
        f"| more sound is never worse, {group}, height {height}: "
        f"{', '.join(m.policy.name for m in there)} "
        f"| falls or stays | {found} cm | {_yes(better)} |"
    )


def _silence(measured: Mapping[Key, Measured], known: bool, group: str) -> str:
    """No policy with sound is worse than silence."""
    silent = measured.get(("silent", known))
    if silent is None or not silent.groups[group].median.samples:
        return ""
    most = silent.groups[group].median.value
    worse = [
        f"{m.policy.name} {100 * m.groups[group].median.value:.1f}"
        for k, m in measured.items()
        if k[1] == known and m.groups[group].median.value > most
    ]
    height = "known" if known else "unknown"
    return (
        f"| with sound, {group}, height {height}: median | at most silent's {100 * most:.1f} cm | "
        f"{', '.join(worse) or 'all'} | {_yes(not worse)} |"
    )


def _cm(interval: ConfidenceInterval) -> str:
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def _dba(level: float) -> str:
    return "none" if level == float("-inf") else f"{level:.1f} dB(A)"


def _yes(met: bool) -> str:
    return "yes" if met else "no"
