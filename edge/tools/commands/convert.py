"""`posekernel convert`: the poses of a message file as skeletons for other programs."""

import argparse
from pathlib import Path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "convert", help="poses of a message file as skeletons: BVH, TRC (OpenSim) or CSV"
    )
    parser.add_argument(
        "messages",
        type=Path,
        metavar="F.jsonl",
        help="what `posekernel replay DIR --messages F.jsonl` or mosquitto_sub wrote",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="F.bvh",
        help="its ending is the format: .bvh, .trc or .csv; a file per person, whose number is put "
        "into the name",
    )
    parser.add_argument("--person", type=int, metavar="N", help="only this person, to --out itself")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when written. Raises PosekernelError."""
    from edge.core.logs.shown import shown
    from edge.tools.conversion.files import check_out, write_takes
    from edge.tools.conversion.takes import read_recording

    check_out(args.out)
    recording = read_recording(args.messages)
    for line in write_takes(recording, args.out, args.person):
        print(shown(line))
    if not recording.room:
        print(
            "note: the camera's height is not known throughout: places are from the camera as it "
            "looks, and not above the floor"
        )
    if recording.cut_off:
        print("note: the last line was not whole and is left out")
    return 0
