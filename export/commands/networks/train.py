"""`posekernel-export train`: the fusion network from a dataset folder."""

import argparse
from pathlib import Path

from export.extras import optional, progress_bar

CONFIG_NAMES = (
    "debug", "debug-volume", "small", "finetune", "volume", "finetune-volume", "full"
)  # fmt: skip


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "train",
        help="train the fusion network",
        description="Trains on DIR/train and stops early on DIR/val, which has other rooms and "
        "people. The same command resumes a run that was stopped.",
    )
    parser.add_argument(
        "--config",
        choices=CONFIG_NAMES,
        default="small",
        help="configuration of the run (default small)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=X",
        help="change a number of the configuration: ray.width=64 (may be repeated)",
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="dataset with train and val"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="folder of the run, new or to resume"
    )
    parser.add_argument(
        "--finetune",
        type=Path,
        metavar="FILE",
        help="checkpoint or NAME.json of a shipped model to start from",
    )
    parser.add_argument(
        "--vision",
        type=Path,
        metavar="F",
        help="vision.pt of another run: use its vision network, train none",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="end the learning rate's schedule by then (default: all steps)",
    )
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="CPU threads (default 1)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 0 when done."""
    optional("torch", "training", "train").set_num_threads(args.threads)
    configuration = optional("export.train.train_config", "training", "train")
    training = optional("export.train.training", "training", "train")
    best = training.train(
        configuration.with_settings(configuration.named_config(args.config), args.set),
        args.data,
        args.out,
        finetune=args.finetune,
        vision=args.vision,
        minutes=args.minutes,
        say=_say,
        progress=lambda items, total: progress_bar(
            items, terminal_only=False, total=total, mininterval=10.0
        ),
    )
    print(best)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)
