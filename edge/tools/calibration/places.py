"""The dialogue at the terminal: where the engineer has put the loudspeaker."""

import sys

import numpy as np

from edge.core.arrays import Array
from edge.core.config.geometry import Vector


def at_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def ask_place(proposed: Array) -> Vector | None:
    """Where the loudspeaker stands now, camera frame [m]; None: no more places.

    proposed: (3,) where it should go.
    """
    text = ", ".join(f"{x:.2f}" for x in proposed)
    question = (
        f"Move the loudspeaker to about [{text}] m (camera frame), "
        "measure where it stands to 5 mm.\nx, y, z [q = no more]: "
    )
    while True:
        answer = ask(question)
        if answer.lower() in ("q", ""):
            return None
        try:
            x, y, z = (float(part) for part in answer.replace(",", " ").split())
        except ValueError:
            x = y = z = float("nan")
        if np.isfinite([x, y, z]).all():
            return x, y, z
        question = "three numbers in metres are needed, for example 0.60, -0.05, 0.10: "


def ask(question: str) -> str:
    """The answer, "" at the end of input (Ctrl-D)."""
    try:
        return input(question).strip()
    except EOFError:
        return ""
