"""`posekernel-export candidates`: trained lifters side by side, over several worlds."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge.core.errors import ConfigError
from export.baselines.predictors import make_predictor
from export.commands.studies.report_file import add_out, check_out, write_out
from export.evaluate.evaluation import Evaluation, Predictor, evaluate
from export.evaluate.text_tables import BY_NAME, format_interval
from export.extras import progress_bar
from export.studies.people.real_frames import CameraOutcome, measure_video

SILENT = ":silent"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "candidates",
        help="compare trained lifters over several worlds",
        description="Runs each lifter, with sound and without, over dataset folders (of this "
        "simulator and of others) and over calibrated videos of real people with simulated sound, "
        "and prints one table. A network that ships is chosen by all of them, never by one.",
    )
    parser.add_argument(
        "models", type=Path, nargs="+", metavar="MODEL.tflite", help="with its card beside it"
    )
    for option, what in (
        ("--set", "a dataset folder; may be given again"),
        ("--video", "a calibrated video with joints3d.npz; may be given again"),
    ):
        parser.add_argument(
            option, type=Path, action="append", default=[], metavar="DIR", help=what
        )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only N samples of a dataset, evenly spread"
    )
    parser.add_argument("--seed", type=int, default=18, help="of the videos' sound (default 18)")
    add_out(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print the table; 0 when done. Raises PosekernelError."""
    check_out(args.out)
    if not args.set and not args.video:
        raise ConfigError("no world to compare in: give a dataset with --set, a video with --video")
    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit is {args.limit}: at least 1 is needed")
    # All of them first, so that a wrong one is found before the first has run for minutes.
    lifters = {
        variant: {name: make_predictor(name) for name in (f"{m}{variant}" for m in args.models)}
        for variant in ("", SILENT)
    }
    rows = [row for path in args.set for row in _simulated(path, lifters, args.limit)]
    rows += [row for path in args.video for row in _real(path, args.models, args.seed)]
    text = "\n".join([_head(args.models), *rows])
    print(text)
    write_out(args.out, f"{text}\n")
    return 0


def _head(models: Sequence[Path]) -> str:
    cells = "".join(f"| {model} " for model in models)
    return f"| world | sound | poses {cells}|\n{'|---' * (3 + len(models))}|"


def _simulated(
    path: Path, lifters: Mapping[str, Mapping[str, Predictor]], limit: int | None
) -> Iterator[str]:
    """Two lines: median / mean of the joints' errors, root-aligned median, within 1 sigma."""
    for variant, predictors in lifters.items():
        bars = progress_bar(predictors.items(), desc=str(path), unit=" lifters")
        done = [evaluate(path, name, predict, limit) for name, predict in bars]
        cells = "".join(f"| {_errors(e)} " for e in done)
        yield f"| {path.name} | {variant[1:] or 'sound'} | {len(done[0].truth)} {cells}|"


def _errors(e: Evaluation) -> str:
    median, mean, aligned, sigma = (
        format_interval(e.overall[name], BY_NAME[name])
        for name in ("mpjpe_median", "mpjpe_mean", "root_aligned_median", "within_sigma")
    )
    short = aligned.partition(" ")[0], sigma.partition(" ")[0]
    return f"{median} / {mean}, {short[0]}, {short[1]} %"


def _real(path: Path, models: Sequence[Path], seed: int) -> Iterator[str]:
    """A line for each person on each camera: medians of the mid-hip's and all joints' errors."""
    bars = progress_bar(models, desc=str(path), unit=" lifters")
    done = [list(measure_video(path, path.resolve().name, m, seed=seed)) for m in bars]
    for cameras in zip(*done, strict=True):
        yield from _camera(cameras)


def _camera(outcomes: Sequence[CameraOutcome]) -> Iterator[str]:
    for people in zip(*(o.people for o in outcomes), strict=True):
        cells = "".join(
            f"| {100 * p.mid_hip_m:.1f} / {100 * p.joints_m:.1f} ({p.posed}) " for p in people
        )
        name = f"{outcomes[0].name}, person {people[0].person + 1}"
        yield f"| {name} | sound | {people[0].shown} {cells}|"
