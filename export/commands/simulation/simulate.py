"""`posekernel-export simulate`: a dataset of simulated samples."""

import argparse
import os
from contextlib import closing
from pathlib import Path
from typing import get_args

from edge.core.logs.shown import shown
from export.extras import progress_bar
from export.simulate.conditions import CONDITIONS
from export.simulate.dataset_runs import DatasetPlan, Store, make_all
from export.simulate.moments.casting import DISTANCE_M, Poses
from export.simulate.rigs import FAMILIES
from export.simulate.scenes import SPLITS


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "simulate",
        help="simulate a dataset",
        description="Writes a dataset of simulated samples: people in furnished rooms, recorded "
        "by random rigs and processed by the sensor's own front end. The same command resumes a "
        "run, also with more samples. The same settings give the same files, whatever the number "
        "of workers.",
    )
    parser.add_argument("--samples", type=int, required=True, metavar="N", help="number of samples")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="D", help="folder of the dataset"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="of rooms, people and noise (default 1)"
    )
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="train",
        help="of rooms, bodies and motion clips (default train)",
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
        "--people",
        type=_people,
        default=(1, 1),
        metavar="N[-M]",
        help="people in each sample, as 2 or 1-4 (default 1)",
    )
    parser.add_argument(
        "--poses",
        choices=get_args(Poses),
        default="everyday",
        help="that people take: everyday ones and those of motion clips, or free ones, in which "
        "every joint takes any angle within its limits (default everyday)",
    )
    parser.add_argument(
        "--distance",
        type=_range,
        default=DISTANCE_M,
        metavar="M-M",
        help="of the people from the camera, least and greatest [m]; sound is heard up to 6.8 m "
        f"away (default {DISTANCE_M[0]:g}-{DISTANCE_M[1]:g})",
    )
    parser.add_argument(
        "--heights",
        type=_range,
        metavar="M-M",
        help="of the people, standing, least and greatest [m] (default: adults and children)",
    )
    parser.add_argument(
        "--changes",
        type=int,
        default=0,
        metavar="C",
        help="also write what C changes of each room would add, rir_changes.npy (default 0)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="W",
        help="local processes (default: cores)",
    )
    parser.add_argument(
        "--keep-clean",
        action="store_true",
        help="also write each response without noise, rir_clean.npy",
    )
    parser.set_defaults(run=run)


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
        args.people,
        args.changes,
        args.poses,
        args.distance,
        args.heights,
    )
    store, plans = Store(args.out), plan.environments()
    missing = [o for o in plans if not store.complete(o)]
    wanted, made = sum(o.samples for o in missing), 0
    bar = progress_bar(
        terminal_only=False,
        total=plan.samples,
        initial=plan.samples - wanted,
        unit="sample",
        smoothing=0.1,
    )
    with bar, closing(make_all(store, missing, args.workers)) as counts:
        for count in counts:
            bar.update(count)
            made += count
    unusable = f" ({wanted - made} left out, which gave no usable period)" if made < wanted else ""
    samples = f"{plan.samples - wanted + made} samples of split {plan.split}"
    print(shown(f"{args.out}: {samples}, {made} of them new{unusable}"))
    return 0


def _people(text: str) -> tuple[int, int]:
    least, _, most = text.partition("-")
    try:
        return int(least), int(most or least)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a number of people, or the least and the most, as 2 or 1-4, is needed"
        ) from None


def _range(text: str) -> tuple[float, float]:
    least, _, most = text.partition("-")
    try:
        return float(least), float(most)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: the least and the greatest in metres, as 0.8-6.5, are needed"
        ) from None
