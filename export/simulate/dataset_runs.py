"""Whole datasets: the plan of their environments, the folder they are written to, and the processes
that make them. A run that was killed continues where it stopped.

An environment is complete when its marker exists, which is written last; a local one is renamed
into place as a whole. An environment depends on its plan alone, not on the process that makes it.
"""

import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.core.errors import ConfigError, DeviceError, SessionError
from export.bodies.body import Split
from export.extras import optional
from export.simulate.conditions import CONDITIONS
from export.simulate.rigs import FAMILIES
from export.simulate.samples import EnvironmentPlan, simulate_environment

BENCH_FAMILY = "compact-6"
MARKER = "complete.json"
STAGING = ".staging"
RETRIES = 3  # of an environment whose Dask worker was lost
# One thread a process: the matrices are small, and several threads would compete for the cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class DatasetPlan:
    """A dataset to simulate. samples: in all. per_room: people in each room. family: of rigs.
    clean: also write responses without noise. conditions: one of `conditions.CONDITIONS`.
    """

    split: Split
    samples: int
    seed: int = 1
    per_room: int = 20
    family: str = "all"
    clean: bool = False
    conditions: str = "field"

    def __post_init__(self) -> None:
        if self.samples < 1 or self.per_room < 1:
            raise ConfigError(
                f"{self.samples} samples, {self.per_room} per room: at least one each is needed"
            )
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
            )
            for k, start in enumerate(starts)
        ]


class Store:
    """A dataset's folder: a local path or any URL that fsspec knows."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError where nothing can be written to the URL, or fsspec is missing."""
        self.url = url
        fsspec = optional("fsspec", "a dataset's store")
        local = optional("fsspec.implementations.local", "a dataset's store")
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
            self._fs.makedirs(self._root, exist_ok=True)
        except (ValueError, ImportError, OSError) as e:
            raise ConfigError(
                f"{url}: cannot be written to ({e}); a folder or a URL that fsspec knows is needed"
            ) from e
        self._local = isinstance(self._fs, local.LocalFileSystem)

    def complete(self, plan: EnvironmentPlan) -> bool:
        """Whether this environment is there. Raises ConfigError where another one is in its
        place.
        """
        path = f"{self._folder(plan)}/{MARKER}"
        try:
            found = json.loads(self._fs.cat_file(path))
        except FileNotFoundError:
            return False
        except ValueError as e:
            raise SessionError(
                f"{path}: not valid JSON ({e}); remove the environment's folder and run again"
            ) from e
        wanted = asdict(plan)
        # The last environment of a shorter run has fewer people: a longer run makes it again.
        other = sorted(k for k in wanted if k != "people" and found.get(k) != wanted[k])
        if other:
            raise ConfigError(
                f"{self._folder(plan)} was made with "
                f"{', '.join(f'{k} = {found.get(k)}' for k in other)}, this run has "
                f"{', '.join(f'{k} = {wanted[k]}' for k in other)}: write to another folder, or "
                "run with the same settings"
            )
        return bool(found["people"] >= plan.people)

    def make(
        self,
        plan: EnvironmentPlan,
        simulate: Callable[[EnvironmentPlan, Path], int] = simulate_environment,
    ) -> int:
        """Simulate one environment unless it is there; returns the number of its samples."""
        if self.complete(plan):
            return plan.people
        with self._staging(plan) as folder:
            count = simulate(plan, folder)
            (folder / MARKER).write_text(json.dumps(asdict(plan)))
            self._put(folder, plan)
        return count

    def _folder(self, plan: EnvironmentPlan) -> str:
        return f"{self._root.rstrip('/')}/environment{plan.index + 1}"

    @contextmanager
    def _staging(self, plan: EnvironmentPlan) -> Iterator[Path]:
        parent = None
        if self._local:
            parent = Path(self._root) / STAGING
            parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{plan.index + 1}-", dir=parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder) / "environment"

    def _put(self, folder: Path, plan: EnvironmentPlan) -> None:
        target = self._folder(plan)
        if self.complete(plan):  # by another process, with the same content
            return
        if self._fs.exists(target):
            self._fs.rm(target, recursive=True)
        if self._local:
            try:
                os.replace(folder, target)
            except OSError:
                if not self.complete(plan):
                    raise
            return
        marker = (folder / MARKER).read_bytes()
        (folder / MARKER).unlink()
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            self._fs.pipe_file(f"{target}/{file.relative_to(folder).as_posix()}", file.read_bytes())
        self._fs.pipe_file(f"{target}/{MARKER}", marker)

    def sweep(self) -> None:
        """Remove what killed processes left behind; no other process may be writing."""
        if self._local:
            shutil.rmtree(Path(self._root) / STAGING, ignore_errors=True)


def make_environment(url: str, plan: EnvironmentPlan) -> int:
    """Make one environment of the dataset at `url`; returns the number of its samples."""
    return Store(url).make(plan)


def make_all(
    store: Store, plans: list[EnvironmentPlan], workers: int = 1, scheduler: str | None = None
) -> Iterator[int]:
    """Make environments on local processes or on a Dask cluster (`scheduler`); yields the number of
    samples of each as it is done.

    Raises ConfigError, DeviceError where the workers or the cluster are lost.
    """
    if scheduler:
        yield from _on_cluster(scheduler, store.url, plans)
    else:
        yield from _on_processes(workers, store.url, plans)
    store.sweep()


def _on_processes(workers: int, url: str, plans: list[EnvironmentPlan]) -> Iterator[int]:
    if workers < 1:
        raise ConfigError(f"{workers} workers: at least one is needed")
    with worker_pool(workers) as pool:
        futures = [pool.submit(make_environment, url, o) for o in plans]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as e:
            raise DeviceError(
                "a worker process was killed, perhaps for lack of memory; run the same command "
                "again to go on"
            ) from e
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        with ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _end_with_parent
        ) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _end_with_parent() -> None:
    """End this worker when its parent is killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _on_cluster(address: str, url: str, plans: list[EnvironmentPlan]) -> Iterator[int]:
    """Make environments on a Dask cluster, those of a lost worker on another one."""
    distributed = optional("distributed", "--scheduler")
    try:
        client: Any = distributed.Client(address, timeout="5s")
    except (OSError, ValueError) as e:
        raise DeviceError(f"{address}: no Dask scheduler answers there ({e})") from e
    with client:
        futures = client.map(
            make_environment, [url] * len(plans), plans, pure=False, retries=RETRIES
        )
        for future in distributed.as_completed(futures):
            yield int(future.result())
            future.release()


def measure_rate(workers: int, samples: int, per_room: int = 20) -> float:
    """Samples per second of processes that have started up; each makes `samples`."""
    rooms = max(1, samples // per_room) * workers
    with tempfile.TemporaryDirectory() as folder, worker_pool(workers) as pool:
        warm = [EnvironmentPlan("val", 0, 10**6 + k, 2, BENCH_FAMILY) for k in range(3 * workers)]
        wait([pool.submit(make_environment, folder, o) for o in warm])
        started = time.perf_counter()
        futures = [
            pool.submit(
                make_environment, folder, EnvironmentPlan("val", 0, k, per_room, BENCH_FAMILY)
            )
            for k in range(rooms)
        ]
        made = sum(f.result() for f in futures)
        return made / (time.perf_counter() - started)
