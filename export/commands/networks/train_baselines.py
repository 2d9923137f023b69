"""`posekernel-export train-baselines`: the weights of the learned baselines."""

import argparse
from dataclasses import replace
from pathlib import Path

from export.baselines.train_baselines import train_baselines
from export.baselines.trainable import BaselineTraining

DEFAULT_OUT = Path("export/baselines/data/baselines.npz")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "train-baselines",
        help="train the learned baselines",
        description="Trains vision-only, depth-regression and audio-only, measures people's "
        "proportions for the body fits, sets every baseline's 1-sigma, and writes all to one file. "
        "The image networks use random people, the sound network the dataset. Needs PyTorch "
        "(extra: train).",
    )
    parser.add_argument(
        "dataset", type=Path, metavar="DIR", help="training split in the dataset format"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="F.npz",
        help=f"weights (default {DEFAULT_OUT})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=BaselineTraining.seed,
        help=f"of all random numbers (default {BaselineTraining.seed})",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=BaselineTraining.vision_steps,
        metavar="N",
        help=f"of the image networks (default {BaselineTraining.vision_steps})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train and write the weights; 0 when done."""
    config = replace(BaselineTraining(), seed=args.seed, vision_steps=args.steps)
    factors = train_baselines(args.dataset, args.out, config)
    print(
        f"{args.out}: written; factors on the 1-sigma: "
        + ", ".join(f"{name} {f:.2f}" for name, f in factors.items())
    )
    return 0
