"""A dataset on a real Dask cluster whose worker is killed: nothing is lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from edge.core.errors import DeviceError
from edge.sources.session.dataset import find_environments, load_environment
from export.simulate.dataset_runs import MARKER, ONE_THREAD, STAGING, DatasetPlan, Store, make_all

pytestmark = pytest.mark.export
pytest.importorskip("distributed")

PLAN = DatasetPlan("train", 6, seed=4, per_room=1, family="compact")


def dask(*arguments):
    environment = os.environ | ONE_THREAD
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *arguments], env=environment, **quiet)


@pytest.fixture
def cluster(tmp_path):
    """The scheduler's address and two worker processes."""
    contact = tmp_path / "scheduler.json"
    started = [
        dask(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            str(contact),
        )
    ]
    try:
        deadline = time.monotonic() + 30.0
        while not (contact.exists() and contact.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        options = (
            "--scheduler-file",
            str(contact),
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
        )
        workers = [
            dask("worker", *options, "--local-directory", str(tmp_path / f"w{k}")) for k in range(2)
        ]
        started += workers
        yield json.loads(contact.read_text())["address"], workers
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_a_worker_killed_midway_loses_and_doubles_nothing(cluster, tmp_path):
    address, workers = cluster
    out = tmp_path / "d"
    store, plans = Store(str(out)), PLAN.environments()
    counts = []
    for count in make_all(store, plans, scheduler=address):
        counts.append(count)
        if len(counts) == 2:
            workers[0].send_signal(signal.SIGKILL)
    assert counts == [1] * 6
    assert workers[0].wait() == -signal.SIGKILL
    assert workers[1].poll() is None
    assert sorted(p.name for p in out.iterdir()) == sorted(f"environment{k + 1}" for k in range(6))
    assert not (out / STAGING).exists()
    assert all(len(list(load_environment(e))) == 1 for e in find_environments(out))
    assert len(list(out.glob(f"*/{MARKER}"))) == 6
    here = Store(str(tmp_path / "here"))
    here.make(plans[4])
    assert contents(tmp_path / "here" / "environment5") == contents(out / "environment5")
    assert [o for o in plans if not store.complete(o)] == []


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DeviceError, match=r"127\.0\.0\.1:1: no Dask scheduler answers"):
        list(
            make_all(Store(str(tmp_path / "d")), PLAN.environments(), scheduler="tcp://127.0.0.1:1")
        )
