"""`posekernel-export quantize`: a checkpoint becomes the files that ship."""

import argparse
from pathlib import Path

from export.extras import optional


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "quantize",
        help="make the shipped model files from a checkpoint",
        description="Converts to float and int8 .tflite, checks both, and writes them with "
        "their card.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CKPT", help="best.pt of a run")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="dataset; DIR/val calibrates"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("edge/models"), metavar="DIR", help="default edge/models"
    )
    parser.add_argument(
        "--name", metavar="NAME", help="of the files (default lifter_ and the form)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert; 0 when done."""
    optional("torch", "conversion", "train").set_num_threads(1)
    for tools in ("litert_torch", "ai_edge_quantizer"):
        optional(tools, "conversion", "train")
    conversion = optional("export.train.conversion.quantize", "conversion", "train")
    print(conversion.quantize(args.checkpoint, args.data, args.out, args.name))
    return 0
