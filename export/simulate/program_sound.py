"""What a loudspeaker plays for other reasons: excerpts of music and speech (data/README.md)."""

from importlib import resources
from typing import Literal

import numpy as np

from edge.core.arrays import Array, load_archive

ProgramSound = Literal["robot_dity", "system", "speech"]
MUSIC: tuple[ProgramSound, ...] = ("robot_dity", "system")
RATE_HZ = 16_000


def load_program_sound(name: ProgramSound) -> Array:
    """An excerpt (n,) of 5 s at RATE_HZ, full scale 1."""
    file = resources.files("export.simulate") / "data" / "program_sound.npz"
    with resources.as_file(file) as path:
        return np.asarray(load_archive(path, [name])[name] / 32768.0)
