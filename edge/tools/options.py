"""Options that several commands have."""

import argparse
import math


def positive(text: str) -> float:
    """A finite number above 0. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f"found {text}, a number above 0 is needed")
    return value


def add_output(parser: argparse.ArgumentParser) -> None:
    """--seconds and --json of the commands that print poses."""
    parser.add_argument("--seconds", type=positive, help="stop after so many seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object per pose and line")
