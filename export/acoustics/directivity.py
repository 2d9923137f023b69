"""Directivity of loudspeakers and microphones: first-order patterns, the same at all frequencies.

Small drivers in a case lie between a sphere and a cardioid at 2-7.5 kHz. The frequency response is
drawn in `simulate.electronics`.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng

SPEAKER_STRENGTH, MIC_STRENGTH = (0.0, 0.6), (0.0, 0.15)  # at 0.6, -12 dB behind it
AIM_SPREAD = 0.5  # of a unit vector: about 30 degrees off where the camera looks


@dataclass(frozen=True, eq=False)
class Directivity:
    """speakers (S, 3), mics (M, 3): the axis of each. Its length is the strength of the pattern: 0
    is a sphere, 1 a cardioid.
    """

    speakers: Array
    mics: Array

    def turned(self, rotation: Array) -> "Directivity":
        """The same in another frame, axis -> rotation @ axis."""
        return Directivity(self.speakers @ rotation.T, self.mics @ rotation.T)


def omnidirectional(speakers: Array, mics: Array) -> Directivity:
    """Spheres, for speakers (S, 3) and microphones (M, 3)."""
    return Directivity(np.zeros((len(speakers), 3)), np.zeros((len(mics), 3)))


def sample_directivity(rng: Rng, forward: Array, speakers: int, mics: int) -> Directivity:
    """Random patterns of speakers that point roughly along the unit vectors `forward`, (3,) or
    (speakers, 3), and of the microphones of one board.
    """
    aims = forward + AIM_SPREAD * rng.normal(size=(speakers, 3))
    sent = (
        aims
        / np.linalg.norm(aims, axis=1, keepdims=True)
        * rng.uniform(*SPEAKER_STRENGTH, (speakers, 1))
    )
    board = forward.reshape(-1, 3)[0] + AIM_SPREAD * rng.normal(size=3)
    return Directivity(
        sent, np.tile(board / np.linalg.norm(board) * rng.uniform(*MIC_STRENGTH), (mics, 1))
    )


def pattern_gain(axis: Array, towards: Array) -> Array:
    """Pressure (...,) relative to that on the axis. axis: (..., 3) as in `Directivity`. towards:
    directions (..., 3) of any length.
    """
    strength = np.linalg.norm(axis, axis=-1)
    cosine = (axis * towards).sum(axis=-1) / np.maximum(np.linalg.norm(towards, axis=-1), 1e-9)
    return np.asarray((1.0 + cosine) / (1.0 + strength))
