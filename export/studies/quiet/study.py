"""All evenings with all policies, several at once, each result kept in a file."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import scipy.io.wavfile
import scipy.signal

import edge
from edge.core.arrays import FloatArray
from edge.core.errors import ConfigError
from export.simulate.evening.home import make_evening
from export.simulate.evening.responses import respond
from export.simulate.evening.watching import watch
from export.studies.quiet.playing import EVERY, Stage, learn_room, play
from export.studies.quiet.policies import Policy
from export.studies.quiet.record import EveningRecord

MUSIC_FADE_S = 0.5  # from the end of the pieces to their beginning


@dataclass(frozen=True, eq=False)
class Plan:
    """seed, evenings, scale: see `make_evening`. heights: of the camera, known or not. cache: a
    folder; only results of this very code are used again. music: WAV files.
    """

    seed: int
    evenings: int
    scale: float
    policies: tuple[Policy, ...]
    heights: tuple[bool, ...]
    cache: Path
    music: tuple[Path, ...] = ()

    def path(self, index: int, policy: Policy, known: bool) -> Path:
        """Where a result is kept."""
        name = f"{index}-{policy.name}-{'known' if known else 'unknown'}.npz"
        return self.cache / f"{self.seed}-{self.scale:g}-{code_version()}" / name

    def wanted(self) -> list[tuple[Policy, bool]]:
        """Every policy with every height."""
        return [(p, known) for p in self.policies for known in self.heights]


def code_version() -> str:
    """Eight digits that differ where the sensor's code or its networks do."""
    root = Path(edge.__file__).parent
    found = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.tflite")]):
        found.update(path.read_bytes())
    return found.hexdigest()[:8]


def run_study(plan: Plan, workers: int) -> Iterator[str]:
    """Make every result that is not there yet; a line for each. Raises ConfigError."""
    read_music(plan.music, 16_000)  # refuses before anything is computed
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


def read_music(files: Sequence[Path], rate_hz: int) -> FloatArray | None:
    """The pieces (L,) one after the other at a rate, root mean square 0.1, without a seam; None
    without files. Raises ConfigError for one that is no WAV file.
    """
    pieces = []
    for path in files:
        try:
            rate, raw = scipy.io.wavfile.read(path)
        except (OSError, ValueError) as e:
            raise ConfigError(f"{path}: a WAV file with music is needed, but {e}") from e
        x = np.asarray(raw, np.float64).reshape(len(raw), -1).mean(axis=1)
        common = gcd(rate, rate_hz)
        x = scipy.signal.resample_poly(x, rate_hz // common, rate // common)
        fade = np.minimum(1.0, np.minimum(np.arange(len(x)), np.arange(len(x))[::-1]) / rate_hz)
        pieces.append(x / np.sqrt(np.mean(x**2)) * np.clip(fade / MUSIC_FADE_S, 0.0, 1.0))
    if not pieces:
        return None
    return np.asarray(0.1 * np.concatenate(pieces), np.float32)


def _evening_lines(plan: Plan, index: int) -> list[str]:
    return list(_evening(plan, index))


def _evening(plan: Plan, index: int) -> Iterator[str]:
    logging.getLogger("edge").setLevel(logging.ERROR)
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
    learn_room(evening, responses)
    stage = Stage(evening, responses, watch(evening, EVERY))
    music = read_music(plan.music, evening.sound.signal.sample_rate_hz)
    for policy, known in missing:
        record = play(stage, policy, known_height=known, music=music)
        record.save(plan.path(index, policy, known))
        yield f"evening {index}: {policy.name}, height {'known' if known else 'unknown'}"
