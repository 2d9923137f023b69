"""`posekernel-export simulate`: a dataset of simulated samples; `bench-simulate`: how fast that
goes.
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import wait

from tqdm import tqdm

from export.simulate.conditions import CONDITIONS
from export.simulate.rigs import FAMILIES
from export.simulate.samples import Order
from export.simulate.scenes import SPLITS
from export.simulate.shards import DatasetPlan, Store, make_all, make_environment, worker_pool

BENCH_FAMILY = "compact-6"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the commands."""
    parser = commands.add_parser(
        "simulate",
        help="simulate a dataset",
        description="Writes a dataset of simulated samples: people in furnished rooms, recorded by random rigs and passed "
        "through the sensor's own front end. Run again after an interruption, or with more samples, it goes on where it was. "
        "The same settings give the same files, whatever the number of workers.",
    )
    parser.add_argument(
        "--samples", type=int, required=True, metavar="N", help="number of samples in all"
    )
    parser.add_argument(
        "--out", required=True, metavar="D", help="folder or any URL that fsspec can write to"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of rooms, people and noise (default 1)"
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="train",
        help="whose rooms, bodies and motion clips (default train)",
    )
    parser.add_argument(
        "--rig",
        choices=FAMILIES,
        default="all",
        metavar="FAMILY",
        help=f"{', '.join(FAMILIES)} (default all)",
    )
    parser.add_argument(
        "--conditions",
        choices=tuple(CONDITIONS),
        default="field",
        metavar="C",
        help=f"{', '.join(CONDITIONS)} (default field)",
    )
    parser.add_argument(
        "--per-room", type=int, default=20, metavar="K", help="samples in each room (default 20)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="W",
        help="local processes (default: cores)",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a Dask cluster that does the work instead"
    )
    parser.add_argument(
        "--keep-clean",
        action="store_true",
        help="also write each response without noise, rir_clean.npy",
    )
    parser.set_defaults(run=run)
    bench = commands.add_parser(
        "bench-simulate", help="measure samples per second with one and with two workers"
    )
    bench.add_argument(
        "--samples", type=int, default=240, metavar="N", help="samples per worker (default 240)"
    )
    bench.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=[1, 2],
        metavar="W",
        help="numbers of workers (default 1 2)",
    )
    bench.set_defaults(run=run_bench)


def run(args: argparse.Namespace) -> int:
    """Make the dataset; 0 when done."""
    plan = DatasetPlan(
        args.split,
        args.samples,
        args.seed,
        args.per_room,
        args.rig,
        args.keep_clean,
        args.conditions,
    )
    store, orders = Store(args.out), plan.orders()
    missing = [o for o in orders if not store.complete(o)]
    wanted, made = sum(o.people for o in missing), 0
    with tqdm(
        total=plan.samples, initial=plan.samples - wanted, unit="sample", smoothing=0.1
    ) as bar:
        for count in make_all(store, missing, args.workers, args.scheduler):
            bar.update(count)
            made += count
    unusable = (
        f" ({wanted - made} people stood where the sensor hears nothing of them)"
        if made < wanted
        else ""
    )
    print(
        f"{args.out}: {plan.samples - wanted + made} samples of split {plan.split}, {made} of them new{unusable}"
    )
    return 0


def run_bench(args: argparse.Namespace) -> int:
    """Print the rate for each number of workers and its ratio to the first; start-up is left out."""
    first = 0.0
    for workers in args.workers:
        rate = measure_rate(workers, args.samples)
        first = first or rate
        print(
            f"{workers} worker(s): {rate:.1f} samples/s, {rate / first:.2f} x the first (6 microphones, 16 kHz, room paths)"
        )
    return 0


def measure_rate(workers: int, samples: int, per_room: int = 20) -> float:
    """Samples per second that processes make once they are warm; each makes `samples`."""
    rooms = max(1, samples // per_room) * workers
    with tempfile.TemporaryDirectory() as folder, worker_pool(workers) as pool:
        warm = [Order("val", 0, 10**6 + k, 2, BENCH_FAMILY) for k in range(3 * workers)]
        wait([pool.submit(make_environment, folder, o) for o in warm])
        started = time.perf_counter()
        futures = [
            pool.submit(make_environment, folder, Order("val", 0, k, per_room, BENCH_FAMILY))
            for k in range(rooms)
        ]
        made = sum(f.result() for f in futures)
        return made / (time.perf_counter() - started)
