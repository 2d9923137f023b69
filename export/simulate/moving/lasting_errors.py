"""A detector's errors over time: most of each stays from one image to the next.

On the real frames of two videos (`posekernel-export people over-time`) the error of a 2D joint
differs from the one 1/30 s before by 0.3 of what two independent errors would, from the one 0.1 s
before by 0.4, 0.2 s before by 0.55, 0.5 s before by 0.7, and a part stays for as long as the pose.
"""

from dataclasses import replace

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.rig import Camera
from export.simulate.detector_errors import JOINTS, DetectorModel, load_detector

# Shares of the errors' power, and for how long [s] each lasts before another takes its place.
SHARES = (0.12, 0.45, 0.25, 0.18)
LASTS_S = (0.0, 0.3, 1.5, 6.0)


class LastingDetector:
    """The fitted detector, whose errors last. Its sides are never swapped."""

    def __init__(self, rng: Rng, model: DetectorModel | None = None) -> None:
        fitted = model or load_detector()
        self._covered = rng.random() < 0.5 * fitted.covered
        self._model = replace(fitted, swap=np.zeros(2), swap_side=0.0, covered=0.0)
        self._rng = rng
        self._seeds = rng.integers(1 << 40, size=len(SHARES))
        self._began_s = rng.uniform(0.0, LASTS_S)
        self._hidden = np.zeros(JOINTS, bool)
        if self._covered:
            self._hidden[[10, 11, 13, 14]] = True

    def __call__(self, joints: Array, camera: Camera, t_s: float) -> Array:
        """Keypoints (25, 3) u, v [px], confidence of joints (25, 3) [m], camera frame, at t_s."""
        true = camera.project(joints)
        offset, confidence = np.zeros((JOINTS, 2)), np.zeros(JOINTS)
        for k, share in enumerate(SHARES):
            for weight, rng in self._sources(k, t_s):
                found = self._model.observe(rng, joints, camera, self._hidden)
                offset += np.sqrt(share) * weight * (found[:, :2] - true)
                confidence += share * weight**2 * found[:, 2]
        return np.column_stack([true + offset, confidence])

    def _sources(self, k: int, t_s: float) -> list[tuple[float, Rng]]:
        """Weights, whose squares sum to 1, and generators of one part of the error."""
        if LASTS_S[k] == 0.0:
            return [(1.0, self._rng)]
        number, gone = divmod((t_s + self._began_s[k]) / LASTS_S[k], 1.0)
        angle = 0.5 * np.pi * gone
        weights = ((np.cos(angle), number), (np.sin(angle), number + 1.0))
        return [(float(w), np.random.default_rng([self._seeds[k], int(n)])) for w, n in weights]
