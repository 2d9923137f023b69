"""What a check found, and what it may look at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge.core.errors import PosekernelError
from edge.core.logs.shown import shown

if TYPE_CHECKING:
    from edge.core.config import Config
    from edge.core.contracts import Problem

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, fit to be shown. remedy: what to do, "" when all is well."""

    check: str
    outcome: Severity
    found: str
    remedy: str = ""

    def __post_init__(self) -> None:
        for name in ("found", "remedy"):  # frozen
            object.__setattr__(self, name, shown(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Scope:
    """What to check. path: of the configuration, None where none was given. config: what is in it,
    None where it cannot be read. hardware: sound card and camera may be opened. self_test: measure
    the poses of the shipped session.
    """

    path: Path | None
    config: "Config | None"
    hardware: bool = True
    self_test: bool = False


# One check; no findings where it does not apply.
Check = Callable[[Scope], list[Finding]]


def attempt(check: str, work: Callable[[], str]) -> Finding:
    """The finding of work that either says what it found or raises."""
    try:
        return Finding(check, "ok", work())
    except PosekernelError as e:
        found, remedy = split(str(e))
        return Finding(check, "error", found, remedy or "see the message")
    except Exception as e:  # one broken driver must not hide the other findings
        return Finding(
            check,
            "error",
            f"{type(e).__name__}: {e}",
            "this is a fault of a driver or of posekernel: report it",
        )


def of_problem(check: str, problem: "Problem", fatal: bool = False) -> Finding:
    """What the sensor itself would say of it."""
    found = f"{problem.what}; likely cause: {problem.cause}"
    return Finding(check, "error" if fatal else "warning", found, problem.remedy)


def split(sentence: str) -> tuple[str, str]:
    """What was found and the remedy, of "found; remedy"."""
    found, _, remedy = sentence.partition("; ")
    return found, remedy
