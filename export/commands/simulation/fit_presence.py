"""`posekernel-export fit-presence`: what a network's certainty of its sound tells of somebody."""

import argparse
import json
from pathlib import Path

import msgspec

from edge.behaviour.presence import evidence_file
from edge.core.files import write_whole
from edge.lifting.lifter import MODELS, lifter_file
from edge.lifting.model_card import card_path, load_card
from export.commands.studies.report_file import check_out
from export.extras import progress_bar
from export.studies.people.presence.fit import evidence_report, fit_evidence, hear_rooms


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "fit-presence",
        help="fit what a network's certainty of its sound tells of somebody being there",
        description="Simulated people come into view of the sensor one or two at a time; each is "
        "there or a picture, and now and then somebody is there out of view. From what a "
        "network that ships says of their sound it fits how likely somebody is there, by distance "
        "and by how far an echo should rise above the noise. To be run for every new network.",
    )
    parser.add_argument(
        "--lifter", choices=("ray", "volume"), default="ray", help="the network (default ray)"
    )
    parser.add_argument(
        "--rooms", type=int, default=60, metavar="N", help="14 moments each (default 60)"
    )
    parser.add_argument("--seed", type=int, default=26, help="of rooms and people (default 26)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="JSON file (default: the one that the sensor uses)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, write and print the table; 0 when done. Raises PosekernelError."""
    out = args.out or evidence_file(args.lifter)
    check_out(out)
    model = MODELS / lifter_file(args.lifter, "int8")
    network = load_card(card_path(model)).sha256[model.name]
    rooms = progress_bar(
        hear_rooms(args.lifter, args.rooms, args.seed), total=args.rooms, unit=" rooms"
    )
    heard = [h for room in rooms for h in room]
    command = (
        f"posekernel-export fit-presence --lifter {args.lifter} --rooms {args.rooms} "
        f"--seed {args.seed}"
    )
    evidence = fit_evidence(heard, network, command)
    text = json.dumps(msgspec.to_builtins(evidence), indent=1)
    write_whole(out, f"{text}\n".encode())
    print(f"    {command}\n\n{evidence_report(evidence, heard)}")
    return 0
