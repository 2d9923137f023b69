"""`posekernel-export evaluate`: errors of one or several lifters on a dataset folder."""

import argparse
import json
import sys
from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.logs.shown import shown
from export.baselines.predictors import PREDICTORS, make_predictor
from export.evaluate.evaluation import Evaluation, evaluate
from export.evaluate.html_report import write_report
from export.evaluate.text_tables import format_comparison, format_evaluation
from export.extras import Progress, optional, progress_bar

ALL = "all"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure lifters on a dataset folder",
        description="Runs a lifter over every sample of a dataset folder and prints its errors "
        "with 95 % bootstrap intervals, person by person: overall and by number of people and how "
        "they stand, distance, pose, room, number of microphones and signal to interference. "
        "Damaged samples are named and counted. Lifters: "
        f"{', '.join(PREDICTORS)}.",
    )
    parser.add_argument(
        "dataset", type=Path, metavar="DIR", help="folder with environmentN folders, or one of them"
    )
    parser.add_argument(
        "--lifter",
        required=True,
        metavar="NAME",
        help="a name, MODEL.tflite, several of them separated by commas for a table, or all",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a JSON object (a list of them for several lifters)",
    )
    parser.add_argument(
        "--predictions",
        type=Path,
        metavar="F.npz",
        help="write sample, person, joints, sigma, scale_source",
    )
    parser.add_argument(
        "--report", type=Path, metavar="OUT.html", help="write an HTML report with plots"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only N samples, evenly spread over the folder"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print; 0 when done."""
    lifters = list(PREDICTORS) if args.lifter == ALL else args.lifter.split(",")
    if args.limit is not None and args.limit < 1:
        raise ConfigError(f"--limit is {args.limit}: at least 1 is needed")
    if len(lifters) > 1 and (args.predictions or args.report):
        raise ConfigError(f"--predictions and --report take one lifter, {len(lifters)} were given")
    for path in (args.predictions, args.report):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{path}: cannot be written, there is no folder {path.parent}")
    if args.report is not None:
        optional("matplotlib", "the report")
    # All of them first, so that a wrong name is found before the first has run for minutes.
    predictors = {name: make_predictor(name) for name in lifters}
    done = [
        evaluate(args.dataset, name, p, args.limit, _progress(name))
        for name, p in predictors.items()
    ]
    if args.json:
        print(json.dumps(done[0].as_dict() if len(done) == 1 else [e.as_dict() for e in done]))
    else:
        print(format_evaluation(done[0]) if len(done) == 1 else format_comparison(done))
    _write(done[0], args.predictions, args.report)
    return 0


def _write(evaluation: Evaluation, predictions: Path | None, report: Path | None) -> None:
    if predictions is not None:
        evaluation.predictions.save(predictions)
        print(shown(f"{predictions}: {len(evaluation.truth)} predictions"), file=sys.stderr)
    if report is not None:
        write_report(evaluation, report)
        print(shown(f"{report}: report"), file=sys.stderr)


def _progress(name: str) -> Progress:
    """A progress bar on a terminal, with rate and time left."""
    return lambda samples, total: progress_bar(samples, desc=name, total=total, unit=" samples")
