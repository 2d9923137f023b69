"""Conditions of a dataset: how hard its people are to detect and to hear."""

from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, BoolArray, Rng
from edge.core.pose import Keypoints
from edge.core.rig import Camera
from export.simulate.detector_errors import JOINTS, NEVER_SEEN, load_detector

EDGE_PX = 4.0
KNOWN_CONFIDENCE = 0.9
OUTSIDE_CONFIDENCE = HIDDEN_CONFIDENCE = 0.05


@dataclass(frozen=True)
class Conditions:
    """tilt_deg: range of the camera's tilt; a camera that may tilt rolls a little, too.
    partly_seen: share of people partly out of view.

    sir_db: range of the body over noise. noise_px: of the 2D joints; None: errors of the fitted
    detector model. hidden: number of the first 15 joints that are occluded, those farthest to one
    side. fresh: share of rooms whose sensor was just set up, so that it has recorded its empty room
    at one temperature only.
    """

    tilt_deg: tuple[float, float] = (0.0, 0.0)
    partly_seen: float = 0.0
    sir_db: tuple[float, float] = (0.0, 20.0)
    noise_px: float | None = 3.0
    hidden: int = 0
    fresh: float = 0.0

    @property
    def level(self) -> bool:
        """The camera is level."""
        return self.tilt_deg == (0.0, 0.0)

    def observe(
        self, rng: Rng, joints: Array, camera: Camera, hidden: BoolArray | None = None
    ) -> Array:
        """Keypoints (25, 3) u, v [px] and confidence of a person with these joints (25, 3) [m],
        camera frame; NaN where occluded. hidden: (25,) which joints are behind other people, None:
        none.
        """
        if self.noise_px is None:
            pixels = load_detector().observe(rng, joints, camera, hidden)
        else:
            pixels = _noisy(rng, joints, camera, self.noise_px)
            if hidden is not None:
                pixels[hidden, 2] = np.minimum(pixels[hidden, 2], HIDDEN_CONFIDENCE)
        if self.hidden:
            angle = rng.uniform(0.0, 2.0 * np.pi)
            across = camera.project(joints[:15]) @ np.array([np.cos(angle), np.sin(angle)])
            covered = np.argsort(across)[-self.hidden :]
            pixels[covered, :2], pixels[covered, 2] = np.nan, 0.0
        return pixels

    def keypoints(
        self, rng: Rng, joints: Array, camera: Camera, hidden: BoolArray | None = None
    ) -> Keypoints:
        """The same as `Keypoints`."""
        return Keypoints(self.observe(rng, joints, camera, hidden), 1.0)


# field: as in a home. The others differ from plain in one thing each.
CONDITIONS = {
    "field": Conditions(
        tilt_deg=(0.0, 20.0), partly_seen=0.2, sir_db=(-5.0, 25.0), noise_px=None, fresh=0.2
    ),
    "plain": Conditions(),
    "fresh": Conditions(fresh=1.0),
    "tilted": Conditions(tilt_deg=(0.0, 20.0)),
    "occluded": Conditions(hidden=5),
    "detector": Conditions(noise_px=None),
}


def joints_in_view(
    camera: Camera, joints: Array
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which joints (..., 3) [m], camera frame, lie within the image: (...,)."""
    seen = joints[..., 2] > 0.3
    pixels = camera.project(np.where(seen[..., None], joints, [0.0, 0.0, 1.0]))
    inside = (pixels > EDGE_PX).all(axis=-1) & (
        pixels < np.array([camera.width, camera.height]) - EDGE_PX
    ).all(axis=-1)
    return np.asarray(seen & inside)


def _noisy(rng: Rng, joints: Array, camera: Camera, noise_px: float) -> Array:
    pixels = camera.project(joints) + rng.normal(0.0, noise_px, (JOINTS, 2))
    confidence = np.where(joints_in_view(camera, joints), KNOWN_CONFIDENCE, OUTSIDE_CONFIDENCE)
    pixels[list(NEVER_SEEN)], confidence[list(NEVER_SEEN)] = np.nan, 0.0
    return np.column_stack([pixels, confidence])
