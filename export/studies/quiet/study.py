"""All evenings with all policies, several at once, each result kept in a file."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import edge
import export.simulate
from edge.core.arrays import FloatArray
from export.simulate.evening.home import make_evening
from export.simulate.evening.responses import respond
from export.simulate.evening.watching import watch
from export.simulate.program_sound import MUSIC, RATE_HZ, load_program_sound
from export.studies.quiet.empty_home import learn_continuously
from export.studies.quiet.playing import EVERY, Stage, play
from export.studies.quiet.policies import Policy
from export.studies.quiet.record import EveningRecord

FADE_S = 0.3


@dataclass(frozen=True, eq=False)
class Plan:
    """seed, evenings, scale: see `make_evening`. heights: of the camera, known or not. cache: a
    folder; only results of this very code are used again.
    """

    seed: int
    evenings: int
    scale: float
    policies: tuple[Policy, ...]
    heights: tuple[bool, ...]
    cache: Path

    def path(self, index: int, policy: Policy, known: bool) -> Path:
        """Where a result is kept."""
        name = f"{index}-{policy.name}-{'known' if known else 'unknown'}.npz"
        return self.cache / f"{self.seed}-{self.scale:g}-{code_version()}" / name

    def wanted(self) -> list[tuple[Policy, bool]]:
        """Every policy with every height, one height after the other."""
        return [(p, known) for known in self.heights for p in self.policies]


@lru_cache(maxsize=1)
def code_version() -> str:
    """Eight digits that differ where the code or the networks of the sensor do, or the code of what
    is simulated before it.
    """
    found = hashlib.sha256()
    for root in (Path(m.__file__ or "").parent for m in (edge, export.simulate)):
        for path in sorted([*root.rglob("*.py"), *root.rglob("*.tflite")]):
            found.update(path.read_bytes())
    return found.hexdigest()[:8]


def run_study(plan: Plan, workers: int) -> Iterator[str]:
    """Make every result that is not there yet; a line for each."""
    if workers < 2:
        for index in range(plan.evenings):
            yield from _evening(plan, index)
        return
    with ProcessPoolExecutor(workers) as pool:
        for lines in pool.map(_evening_lines, [plan] * plan.evenings, range(plan.evenings)):
            yield from lines


def results(plan: Plan) -> dict[tuple[str, bool], Sequence[EveningRecord]]:
    """All that were made, by policy and height."""
    return {
        (policy.name, known): [
            EveningRecord.load(path)
            for index in range(plan.evenings)
            if (path := plan.path(index, policy, known)).exists()
        ]
        for policy, known in plan.wanted()
    }


def music() -> FloatArray:
    """The pieces (L,) at RATE_HZ one after the other, equally loud, each faded in and out."""
    pieces = []
    for name in MUSIC:
        x = load_program_sound(name)
        ends = np.minimum(np.arange(len(x)), np.arange(len(x))[::-1]) / RATE_HZ
        pieces.append(x / np.std(x) * np.clip(ends / FADE_S, 0.0, 1.0))
    return np.asarray(0.1 * np.concatenate(pieces), np.float32)


def _evening_lines(plan: Plan, index: int) -> list[str]:
    return list(_evening(plan, index))


def _evening(plan: Plan, index: int) -> Iterator[str]:
    log = logging.getLogger("edge")
    before = log.level
    log.setLevel(logging.ERROR)  # many sensors begin and end here
    try:
        yield from _played(plan, index)
    finally:
        log.setLevel(before)


def _played(plan: Plan, index: int) -> Iterator[str]:
    missing = [
        (policy, known)
        for policy, known in plan.wanted()
        if not plan.path(index, policy, known).exists()
    ]
    if not missing:
        yield f"evening {index}: nothing to do"
        return
    evening = make_evening(plan.seed, index, plan.scale)
    responses = respond(evening, plan.cache)
    learn_continuously(evening, responses)
    stage = Stage(evening, responses, watch(evening, EVERY))
    pieces = music()
    for policy, known in missing:
        record = play(stage, policy, known_height=known, music=pieces)
        record.save(plan.path(index, policy, known))
        yield f"evening {index}: {policy.name}, height {'known' if known else 'unknown'}"
