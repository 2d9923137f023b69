"""Whole datasets: the plan of their environments, the folder they are written to, and the processes
that make them. A run that was killed continues where it stopped.

An environment is renamed into place as a whole, and is complete when its marker exists. An
environment depends on its plan alone, not on the process that makes it.
"""

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from pathlib import Path

from edge.core.errors import ConfigError, DeviceError, SessionError
from export.bodies.body import Split
from export.simulate.conditions import CONDITIONS
from export.simulate.moments.casting import DISTANCE_M, Poses
from export.simulate.rigs import FAMILIES
from export.simulate.samples import EnvironmentPlan, simulate_environment

MARKER = "complete.json"
MOST_PEOPLE = 4
POSSIBLE_DISTANCE_M, POSSIBLE_HEIGHT_M = (0.6, 8.0), (0.7, 2.2)
STAGING = ".staging"
# One thread a process: the matrices are small, and several threads would compete for the cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset to simulate. samples: in all. per_room: samples in each room. family: of rigs.
    clean: also write responses without noise. conditions: one of `conditions.CONDITIONS`. people:
    least and most in each sample. changes: of each room to write beside the samples. poses: that
    people take. distance_m, heights_m: of the people, as `EnvironmentPlan`.
    """

    split: Split
    samples: int
    seed: int = 1
    per_room: int = 20
    family: str = "all"
    clean: bool = False
    conditions: str = "field"
    people: tuple[int, int] = (1, 1)
    changes: int = 0
    poses: Poses = "everyday"
    distance_m: tuple[float, float] = DISTANCE_M
    heights_m: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.people[0] <= self.people[1] <= MOST_PEOPLE:
            raise ConfigError(
                f"{self.people[0]} to {self.people[1]} people in a sample: 1 to {MOST_PEOPLE} are "
                "possible"
            )
        if self.changes < 0:
            raise ConfigError(f"{self.changes} changes of each room: 0 or more are needed")
        if self.samples < 1 or self.per_room < 1:
            raise ConfigError(
                f"{self.samples} samples, {self.per_room} per room: at least one each is needed"
            )
        _require_within("distances", self.distance_m, POSSIBLE_DISTANCE_M)
        if self.heights_m is not None:
            _require_within("heights", self.heights_m, POSSIBLE_HEIGHT_M)
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}: 0 or more is needed")
        if self.family not in FAMILIES:
            raise ConfigError(
                f"rig {self.family!r} is unknown: one of {', '.join(FAMILIES)} is needed"
            )
        if self.conditions not in CONDITIONS:
            raise ConfigError(
                f"conditions {self.conditions!r} are unknown: one of {', '.join(CONDITIONS)} is "
                "needed"
            )

    def environments(self) -> list[EnvironmentPlan]:
        """Every environment; the last one has the remaining samples."""
        starts = range(0, self.samples, self.per_room)
        return [
            EnvironmentPlan(
                self.split,
                self.seed,
                k,
                min(self.per_room, self.samples - start),
                self.family,
                self.clean,
                self.conditions,
                self.people,
                self.changes,
                self.poses,
                self.distance_m,
                self.heights_m,
            )
            for k, start in enumerate(starts)
        ]


def _require_within(what: str, found: tuple[float, float], possible: tuple[float, float]) -> None:
    if not possible[0] <= found[0] < found[1] <= possible[1]:
        raise ConfigError(
            f"{what} of people from {found[0]:g} to {found[1]:g} m: a least and a greatest within "
            f"{possible[0]:g} to {possible[1]:g} m are needed"
        )


class Store:
    """A dataset's folder."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises ConfigError where nothing can be written."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise ConfigError(
                f"{folder}: cannot be written to ({e.strerror}); give another folder"
            ) from e

    def complete(self, plan: EnvironmentPlan) -> bool:
        """Whether this environment is there. Raises ConfigError where another one is."""
        path = self._environment(plan) / MARKER
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return False
        except ValueError as e:
            raise SessionError(
                f"{path}: not valid JSON ({e}); remove the environment's folder and run again"
            ) from e
        wanted = json.loads(json.dumps(asdict(plan)))
        # Datasets from before there was a choice.
        chosen_since = {"poses": "everyday", "distance_m": list(DISTANCE_M), "heights_m": None}
        found = chosen_since | found
        # The last environment of a shorter run has fewer samples: a longer run makes it again.
        other = sorted(k for k in wanted if k != "samples" and found.get(k) != wanted[k])
        if other:
            raise ConfigError(
                f"{path.parent} was made with "
                f"{', '.join(f'{k} = {found.get(k)}' for k in other)}, this run has "
                f"{', '.join(f'{k} = {wanted[k]}' for k in other)}: write to another folder, or "
                "run with the same settings"
            )
        return bool(found["samples"] >= plan.samples)

    def make(
        self,
        plan: EnvironmentPlan,
        simulate: Callable[[EnvironmentPlan, Path], int] = simulate_environment,
    ) -> int:
        """Simulate one environment unless it is there; returns the number of its samples."""
        if self.complete(plan):
            return plan.samples
        target, staging_folder = self._environment(plan), self.folder / STAGING
        staging_folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{plan.index + 1}-", dir=staging_folder, ignore_cleanup_errors=True
        ) as staging:
            made = Path(staging) / "environment"
            count = simulate(plan, made)
            (made / MARKER).write_text(json.dumps(asdict(plan)))
            if self.complete(plan):  # by another process, with the same content
                return count
            shutil.rmtree(target, ignore_errors=True)
            try:
                made.replace(target)
            except OSError:
                if not self.complete(plan):
                    raise
        return count

    def _environment(self, plan: EnvironmentPlan) -> Path:
        return self.folder / f"environment{plan.index + 1}"

    def sweep(self) -> None:
        """Remove what killed processes left behind; no other process may be writing."""
        shutil.rmtree(self.folder / STAGING, ignore_errors=True)


def make_all(
    store: Store, plans: list[EnvironmentPlan], workers: int = 1
) -> Generator[int, None, None]:
    """Make environments on local processes; yields the number of samples of each as it is done.

    Raises ConfigError, DeviceError where a worker is lost.
    """
    if workers < 1:
        raise ConfigError(f"{workers} workers: at least one is needed")
    try:
        with worker_pool(workers) as pool:
            with _without_interrupts():
                futures = [pool.submit(store.make, plan) for plan in plans]
            for future in as_completed(futures):
                yield future.result()
    except BrokenProcessPool as e:
        raise DeviceError(
            "a worker process was killed, perhaps for lack of memory; run the same command "
            "again to go on"
        ) from e
    finally:
        store.sweep()


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each. An error ends them in the midst of their work."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        with ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _end_with_parent
        ) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in multiprocessing.active_children():  # else they take a minute more
                    worker.terminate()
                raise
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that start inside never see SIGINT: a terminal sends it to them, too, and it is for
    their parent to end them.
    """
    resource_tracker.ensure_running()  # its start would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this worker when its parent is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
