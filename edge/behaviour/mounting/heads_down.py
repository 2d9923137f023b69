"""Notices that people stand on their heads: then the camera hangs upside down."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from edge.core.contracts import Problem
from edge.core.pose import MID_HIP, SEEN, Keypoints
from edge.core.rig import Camera

_NECK = 1
# Judged over this time [s], of which so much must have been seen, in so many images; where a slow
# machine looks at fewer, over so many images.
_WINDOW_S, _LEAST_S, _LEAST_SEEN = 10.0, 3.0, 10
_MOST = 0.8
# Cosine between trunk and the vertical: who lies, or bends far, tells nothing.
_UPRIGHT = 0.5


class HeadsDown:
    """Call it with what each image shows; `problem` is there while most people seen stand on their
    heads.
    """

    def __init__(self, camera: Camera) -> None:
        """camera: its tilt and roll say where up is in the image."""
        self._up = -camera.image_down
        # People tell which way is up, not to the degree.
        roll = (camera.roll_deg + 180.0) % 360.0
        self._problem = Problem(
            "camera",
            "camera",
            "upside down",
            "shows people who stand on their heads",
            "it hangs upside down",
            f"people stand on their heads: is the camera upside down? set rig.camera.roll_deg = "
            f"{round(roll if roll <= 180.0 else roll - 360.0, 1):g}",
        )
        self._recent: deque[tuple[int, float]] = deque()
        self.problem: Problem | None = None

    def forget(self) -> None:
        """Start anew, as after the camera was opened again."""
        self._recent.clear()
        self.problem = None

    def __call__(self, people: Sequence[Keypoints], t_ns: int) -> Problem | None:
        """The problem, where there is one after this image, which shows these people. t_ns: of the
        image; it only grows.
        """
        told = [down for down in map(self._head_down, people) if down is not None]
        if not told:
            return self.problem
        self._recent.append((t_ns, float(np.mean(told))))
        while len(self._recent) > _LEAST_SEEN and t_ns - self._recent[0][0] > _WINDOW_S * 1e9:
            self._recent.popleft()
        seen_s = (t_ns - self._recent[0][0]) * 1e-9
        if seen_s >= _LEAST_S and len(self._recent) >= _LEAST_SEEN:
            share = np.mean([d for _, d in self._recent])
            self.problem = self._problem if share >= _MOST else None
        return self.problem

    def _head_down(self, keypoints: Keypoints) -> bool | None:
        """None where the trunk is not seen, or neither up nor down."""
        if keypoints.pixels[[_NECK, MID_HIP], 2].min() < SEEN:
            return None
        across, down = keypoints.pixels[_NECK, :2] - keypoints.pixels[MID_HIP, :2]
        length = float(np.hypot(across, down))
        if not length > 0.0:  # NaN, too
            return None
        upward = float(np.array([across, down]) @ self._up[:2]) / length
        return upward < 0.0 if abs(upward) >= _UPRIGHT else None
