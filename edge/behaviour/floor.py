"""Where the floor is, learned from the feet of everybody who stands on it.

Calibrated heights and tilts have errors: a degree of tilt moves the floor 3 m away by 5 cm, half of
the difference between a mattress and the floor.
"""

from collections import deque

import numpy as np

FOOT_SHARE = 0.045  # height of the lower ankle above the floor, in parts of the standing height
# Hips higher above the lower ankle than this part of the standing height: on their feet.
STRAIGHT_LEGS = 0.38
UPRIGHT_COSINE = 0.87  # of 30 degrees
FARTHEST_M = 0.2  # no calibration is so far off: rather a platform, or legs that are not seen
MEMORY_S = 60.0  # so much time on their feet counts, ...
SPACING_S = 0.2  # ... in observations so far apart
# After so much of it half of the observed offset is trusted; errors of poses last for seconds.
TRUST_S = 3.0


class FloorLevel:
    """The real floor's height in the room frame, `offset_m` [m]: 0 until somebody stands on it. One
    for all people. number: another one after it was forgotten; heights above two floors cannot be
    compared.
    """

    def __init__(self) -> None:
        self.offset_m, self.number = 0.0, 0
        self._feet: deque[float] = deque(maxlen=round(MEMORY_S / SPACING_S))

    def forget(self) -> None:
        """Start anew, as where the camera is found to hang at another height."""
        self.offset_m = 0.0
        self.number += 1
        self._feet.clear()

    def learn(self, sole_m: float) -> None:
        """Take in the height of a sole that stands on it, room frame [m]."""
        self._feet.append(sole_m)
        known_s = len(self._feet) * SPACING_S
        offset = float(np.median(self._feet)) * known_s / (known_s + TRUST_S)
        self.offset_m = min(max(offset, -FARTHEST_M), FARTHEST_M)


def sole_on_feet(hip_m: float, foot_m: float, upright: float, standing_m: float) -> float | None:
    """Height [m] of the lower sole of who is on their feet; None of others.

    hip_m, foot_m: heights of hips and lower ankle in the room frame, NaN where not seen. upright:
    cosine of the trunk's lean. standing_m: the person's standing height.
    """
    on_feet = hip_m - foot_m > STRAIGHT_LEGS * standing_m and upright > UPRIGHT_COSINE
    return foot_m - FOOT_SHARE * standing_m if on_feet else None


class Feet:
    """One person's feet, which show where the floor is."""

    def __init__(self, floor: FloorLevel) -> None:
        self._floor = floor
        self._next_s = -np.inf

    def __call__(
        self, hip_m: float, foot_m: float, upright: float, standing_m: float, t_s: float
    ) -> float:
        """Take one pose, as `sole_on_feet`, in at t_s [s]; returns the floor's offset_m."""
        sole_m = sole_on_feet(hip_m, foot_m, upright, standing_m)
        # Not after a step of the clock.
        if sole_m is not None and not 0.0 < self._next_s - t_s <= SPACING_S:
            self._next_s = t_s + SPACING_S
            self._floor.learn(sole_m)
        return self._floor.offset_m
