"""`posekernel doctor`: what is wrong here, and how to mend it."""

import argparse
import json
from pathlib import Path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("doctor", help="find what is wrong here and how to mend it")
    parser.add_argument("--config", type=Path)
    parser.add_argument(
        "--no-hardware", action="store_true", help="leave sound card and camera alone"
    )
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="measure the poses of the shipped session against its truth",
    )
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """1 where a finding is an error, else 0."""
    from dataclasses import asdict

    from edge.tools.doctor.finding import Finding
    from edge.tools.doctor.packages import packages, python
    from edge.tools.outcome_table import outcome_table

    findings = [python(), *packages()]
    try:
        from edge.tools.doctor.examination import examine
    except Exception as e:  # parts built for another numpy raise anything as they load
        remedy = "mend the packages above: without them nothing else can be checked"
        findings.append(
            Finding("posekernel", "error", f"cannot be loaded: {type(e).__name__}: {e}", remedy)
        )
    else:
        findings += examine(args.config, not args.no_hardware, args.self_test)
    if args.json:
        print(json.dumps([asdict(f) for f in findings], indent=1))
    else:
        print(outcome_table([(f.outcome, f.check, f.found, f.remedy) for f in findings]))
    return int(any(f.outcome == "error" for f in findings))
