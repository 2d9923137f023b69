"""Left and right of a person, kept from frame to frame."""

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import MIRROR

_RIGHT, _LEFT = [2, 9], [5, 12]  # shoulder and hip
# Shoulders plus hips at least this wide, in sides of the region: about a third of a front view.
_WIDE = 0.08
_PATIENCE = 20  # frames, at most, that the network may insist on other sides before it is believed


class Sides:
    """Corrects frames in which the network takes a person's front for the back.

    In such a frame all joints stay where they are in the image, but left and right change names and
    depth changes sign. No body turns that fast, so the frame is turned back, unless by now as many
    frames contradict the sides kept as confirmed them.
    """

    def __init__(self) -> None:
        self._across: Array | None = None
        self._belief = 0

    def keep(self, joints: Array, relative: Array, side: float) -> tuple[Array, Array]:
        """joints: (25, 3). relative: (25, 3). side: of the person's region [px]. Returns both with
        the sides of the frame before.
        """
        across = (joints[_RIGHT, :2] - joints[_LEFT, :2]).sum(0)
        if np.hypot(*across) < _WIDE * side:
            # Seen from the side there is no left and right in the image, and a person may turn
            # either way from there.
            self._across = None
            return joints, relative
        if self._across is None or across @ self._across > 0:
            self._belief = min(self._belief + 1, _PATIENCE)
        elif self._belief > 0:
            self._belief -= 1
            mirror = list(MIRROR)
            joints, relative = joints[mirror], relative[mirror] * (1.0, 1.0, -1.0)
            across = -across
        self._across = across
        return joints, relative
