"""Which way loudspeakers send and microphones hear best: first-order patterns, the same at all
frequencies of a band.

Small drivers in a case lie between a sphere and a cardioid at 2-7.5 kHz. What depends on frequency
alone is in the responses that `recording` draws.
"""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng

SPEAKER_STRENGTH, MIC_STRENGTH = (0.0, 0.6), (0.0, 0.15)  # at 0.6, -12 dB behind it
AIM_SPREAD = 0.5  # of a unit vector: about 30 degrees off where the camera looks


@dataclass(frozen=True, eq=False)
class Directivity:
    """speakers (S, 3), mics (M, 3): the axis of each, as long as its pattern is strong: 0 a sphere,
    1 a cardioid.
    """

    speakers: Array
    mics: Array

    def turned(self, rotation: Array) -> "Directivity":
        """The same in another frame: a -> rotation @ a."""
        return Directivity(self.speakers @ rotation.T, self.mics @ rotation.T)


def omnidirectional(speakers: Array, mics: Array) -> Directivity:
    """Spheres for devices (S, 3), (M, 3)."""
    return Directivity(np.zeros((len(speakers), 3)), np.zeros((len(mics), 3)))


def sample_directivity(rng: Rng, forward: Array, speakers: int, mics: int) -> Directivity:
    """Speakers that roughly look along the unit vectors `forward`, (3,) or (speakers, 3), and the
    microphones of one board.
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
    """Pressure relative to that on the axis (...,); axis (..., 3) as in `Directivity`, towards
    (..., 3) of any length [m].
    """
    strength = np.linalg.norm(axis, axis=-1)
    cosine = (axis * towards).sum(axis=-1) / np.maximum(np.linalg.norm(towards, axis=-1), 1e-9)
    return np.asarray((1.0 + cosine) / (1.0 + strength))
