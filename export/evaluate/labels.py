"""What is known of a person in a sample before any lifter runs: facts, and labels to group by."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge.core.logs.shown import printable
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Camera
from edge.sources.session.dataset import Environment, Sample

UNKNOWN = "unknown"
DISTANCE_EDGES_M = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
NEAREST_M = 0.1  # what is nearer to the camera than this is not in view
SIR_EDGES_DB = (0.0, 5.0, 10.0, 15.0, 20.0)


def sample_facts(sample: Sample) -> dict[str, float]:
    """True distance of the mid-hip (or the mean joint) and signal to interference of a sample's
    only person.
    """
    joints = sample.joints[0, :N_JOINTS]
    known = np.asarray(np.isfinite(joints).all(axis=1))
    middle = joints[MID_HIP] if known[MID_HIP] else joints[known].mean(axis=0)
    sir = sample.info.get("sir_db")
    return {
        "distance_m": float(np.linalg.norm(middle)),
        "sir_db": float(sir) if isinstance(sir, int | float) and abs(sir) < 1e6 else float("nan"),
    }


def sample_labels(
    sample: Sample, environment: Environment, facts: Mapping[str, float], people: int
) -> dict[str, str]:
    """The label of a sample's only person in every grouping; "unknown" where info.json lacks it.
    people: in the whole moment.
    """
    return {
        "people": str(people),
        "standing": _label(sample.info.get("standing", UNKNOWN if people > 1 else "alone")),
        "distance": _band(facts["distance_m"], DISTANCE_EDGES_M, "m"),
        "pose": _label(sample.info.get("pose", UNKNOWN)),
        "room": _label(sample.info.get("room", environment.path.name)),
        "microphones": str(len(np.unique(environment.rig.pairs[:, 1]))),
        "sir": _band(facts["sir_db"], SIR_EDGES_DB, "dB"),
        "array": _label(sample.info.get("array", UNKNOWN)),
        "joints in view": _in_view(sample, environment.rig.camera),
    }


def _label(value: Any) -> str:
    return printable(str(value))[:40]


def _in_view(sample: Sample, camera: Camera) -> str:
    """Whether all or some of the first 15 joints lie within the image."""
    joints = sample.joints[0, :N_JOINTS]
    known = joints[np.isfinite(joints).all(axis=1)]
    before = known[known[:, 2] > NEAREST_M]
    pixels = camera.project(before)
    inside = ((pixels >= 0.0) & (pixels < (camera.width, camera.height))).all(axis=1)
    return "all" if inside.sum() == len(known) else "some"


def _band(value: float, edges: tuple[float, ...], unit: str) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    k = int(np.searchsorted(edges, value, side="right"))
    if k == 0:
        return f"below {edges[0]:g} {unit}"
    return (
        f"{edges[k - 1]:g} to {edges[k]:g} {unit}"
        if k < len(edges)
        else f"{edges[-1]:g} {unit} and more"
    )
