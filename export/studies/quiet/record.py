"""What the sensor said on one evening with one policy, beside the truth; kept in a file."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array, BoolArray, IntArray

SOURCES = ("sound", "memory", "floor", "height")


@dataclass(frozen=True, eq=False)
class EveningRecord:
    """One row for each image and person who was in view and found in it (R rows).

    period: of the image. state: index into `STATES`. since_s: for how long the person has been in
    view. true: (R, 15, 3) and joints: (R, 15, 3) [m], camera frame, NaN where the sensor gave no
    pose. sigma: (R, 15) [m]. source: index into SOURCES, -1 without a pose. pairs: used for the
    pose.

    own_pa2: (K,) mean square of the sensor's own sound in each period, A-weighted, at 1 m [Pa^2].
    somebody: (K,) whether anybody was in view. period_s: of one.
    """

    period: IntArray
    state: IntArray
    since_s: Array
    true: Array
    joints: Array
    sigma: Array
    source: IntArray
    pairs: IntArray
    own_pa2: Array
    somebody: BoolArray
    period_s: float

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        content: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        np.savez_compressed(part, **content)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "EveningRecord":
        """Read what `save` wrote."""
        with np.load(path) as data:
            content: dict[str, Any] = {f.name: data[f.name] for f in fields(cls)}
        return cls(**content | {"period_s": float(content["period_s"])})
