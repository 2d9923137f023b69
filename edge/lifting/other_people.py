"""Where the echoes of several people lie: what each person's network is told of the others.

Spreading needs no telling: levels are compared with r^2 taken out, and two echoes that arrive at
the same time have come as far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from edge.core.rig import Rig

FRONT_M = 0.18  # the front of a body before its joints
BACK_M = 0.10  # skin and clothes behind the farthest joint
SHARP_M = 0.05  # 1-sigma of these two, of a body whose place is known
RAMP = 1.5  # a boundary rises over this many 1-sigma to either side
RISE = 16  # samples of an echo's first half
MOST = 4  # others; the network is told of no more


@dataclass(frozen=True, eq=False)
class Echoes:
    """Times of arrival of Q people's direct echoes, by pair, all (Q, P) [s].

    first_s, last_s: where each begins and ends. blur_s: 1-sigma of both.
    """

    first_s: Array
    last_s: Array
    blur_s: Array

    def __len__(self) -> int:
        return len(self.first_s)

    def others(self, index: int) -> "Echoes":
        """All but one person's."""
        return Echoes(
            *(np.delete(a, index, axis=0) for a in (self.first_s, self.last_s, self.blur_s))
        )

    def covered(self, index: int) -> float:
        """Share 0..1 of the first half of a person's echo, which tells where they are, that arrives
        together with somebody else's.
        """
        first, last = self.first_s[index, :, None], self.last_s[index, :, None]
        rise = first + np.linspace(0.0, 0.5, RISE) * (last - first)
        return float(self.others(index).channels(rise)[0].mean())

    def channels(self, arrival_s: Array) -> tuple[Array, Array]:
        """At times of arrival (P, K): whether they lie within somebody's echo, and whether
        somebody's has begun before, so that walls may return it; 0..1, mean over pairs (K,).
        """
        inside, begun = self.by_pair(arrival_s)
        return inside.mean(axis=0), begun.mean(axis=0)

    def by_pair(self, arrival_s: Array) -> tuple[Array, Array]:
        """As `channels`, for each pair (P, K)."""
        inside, begun = np.zeros_like(arrival_s), np.zeros_like(arrival_s)
        for first, last, blur in zip(self.first_s, self.last_s, self.blur_s, strict=True):
            slope = (0.5 / RAMP / blur)[:, None]
            up = np.clip((arrival_s - first[:, None]) * slope + 0.5, 0.0, 1.0)
            down = np.clip((last[:, None] - arrival_s) * slope + 0.5, 0.0, 1.0)
            np.maximum(inside, np.minimum(up, down), out=inside)
            np.maximum(begun, up, out=begun)
        return inside, begun


ALONE = Echoes(np.zeros((0, 1)), np.zeros((0, 1)), np.zeros((0, 1)))


def echoes_of(people: Sequence[Array], log_sigma: Sequence[float], rig: Rig) -> Echoes:
    """The echoes of people with these joints (15, 3) [m], camera frame, whose distances are known
    to a 1-sigma of their logarithm.
    """
    if not people:
        return ALONE
    c = rig.speed_of_sound_m_s
    arrival = np.stack([rig.arrival_s(joints) for joints in people])
    sigma = 0.5 * c * arrival.mean(axis=2) * np.asarray(log_sigma)[:, None]
    return Echoes(
        first_s=arrival.min(axis=2) - 2.0 * FRONT_M / c,
        last_s=arrival.max(axis=2) + 2.0 * BACK_M / c,
        blur_s=2.0 * np.hypot(SHARP_M, sigma) / c,
    )
