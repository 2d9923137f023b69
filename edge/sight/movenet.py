"""MoveNet: MultiPose finds up to six people in an image, Thunder the joints of one in a crop.

Both networks are Google's (Apache-2.0), their backbones in int8 and their coordinate arithmetic in
floating point. They give the 17 joints of COCO, each with a score 0..1.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Image
from edge.core.inference.tflite import Model
from edge.sight.shrinking import shrunk

COCO = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
# COCO's joints whose mean is each BODY_25 joint; it has no feet.
_SOURCES: tuple[tuple[int, ...], ...] = (
    (0,), (5, 6),  # nose, neck
    (6,), (8,), (10,), (5,), (7,), (9,),  # right and left shoulder, elbow, wrist
    (11, 12), (12,), (14,), (16,), (11,), (13,), (15,),  # mid-hip, hips, knees, ankles
    (2,), (1,), (4,), (3,),  # eyes, ears
    (), (), (), (), (), (),  # feet
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of the image, which it may leave: its upper left corner and size [px]."""

    x: int
    y: int
    width: int
    height: int

    def to_image(self, points: Array) -> Array:
        """Points (..., 2) in fractions of the window -> u, v [px] (..., 2)."""
        return np.asarray((self.x, self.y) + points * (self.width, self.height))

    def like(self, other: "Window") -> bool:
        """Whether both are of one person's place: near middles and like sizes."""
        larger, smaller = max(self.width, other.width), min(self.width, other.width)
        across = self.x - other.x + (self.width - other.width) / 2
        down = self.y - other.y + (self.height - other.height) / 2
        return bool(np.hypot(across, down) < 0.25 * smaller and larger < 1.6 * smaller)

    @classmethod
    def square(cls, x: float, y: float, side: float) -> "Window":
        """The square about the middle (x, y), all px."""
        whole = max(1, round(side))
        return cls(round(x - side / 2), round(y - side / 2), whole, whole)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person as MultiPose sees one. joints: (17, 3) u, v [px], score. box: (2, 2) its upper left
    and lower right corner [px]. score: 0..1.
    """

    joints: Array
    box: Array
    score: float


class MultiPose:
    """movenet_multipose_{256x160,192x256}_int8.tflite on an image or a part of it."""

    def __init__(self, path: Path, threads: int, runtime: str = "") -> None:
        """Raises ModelError."""
        self._model = Model(path, threads, runtime)
        _, self._height, self._width, _ = self._model.input_shapes[0]

    def __call__(self, image: Image, window: Window, min_score: float) -> list[Candidate]:
        """People in a window of `image` (H, W, 3) uint8 RGB with at least `min_score`."""
        scale = max(window.width / self._width, window.height / self._height)
        across, down = round(scale * self._width), round(scale * self._height)
        seen = Window(
            window.x - (across - window.width) // 2,
            window.y - (down - window.height) // 2,
            across,
            down,
        )
        (found,) = self._model.run(_crop(image, seen, self._width, self._height))
        people = []
        for row in found[0].astype(np.float64):
            if row[55] >= min_score:
                box = seen.to_image(row[[52, 51, 54, 53]].reshape(2, 2))
                people.append(
                    Candidate(_joints(row[:51].reshape(17, 3), seen), box, float(row[55]))
                )
        return people


class Thunder:
    """movenet_thunder_int8.tflite on a square crop of one person."""

    def __init__(self, path: Path, threads: int, runtime: str = "") -> None:
        """Raises ModelError."""
        self._model = Model(path, threads, runtime)
        self._side = self._model.input_shapes[0][1]

    def __call__(self, image: Image, window: Window) -> Array:
        """COCO's joints (17, 3) u, v [px of the image] and score, of the person who fills the
        square window of `image` (H, W, 3) uint8 RGB.
        """
        (found,) = self._model.run(_crop(image, window, self._side, self._side))
        return _joints(found[0, 0].astype(np.float64), window)


def to_body25(joints: Array) -> Array:
    """COCO's joints (17, 3) u, v, score -> BODY_25 (25, 3) u, v, confidence.

    A joint between two has the smaller of their scores. The feet are NaN with confidence 0.
    """
    out = np.full((len(_SOURCES), 3), np.nan)
    out[:, 2] = 0.0
    for joint, sources in enumerate(_SOURCES):
        if sources:
            of = joints[list(sources)]
            out[joint] = *of[:, :2].mean(0), of[:, 2].min()
    return out


def _crop(image: Image, window: Window, width: int, height: int) -> npt.NDArray[np.int32]:
    """A window of the image as a network's input (1, height, width, 3), black outside the image."""
    out = np.zeros((1, height, width, 3), np.int32)
    left, top = max(window.x, 0), max(window.y, 0)
    right = min(window.x + window.width, image.shape[1])
    bottom = min(window.y + window.height, image.shape[0])
    if left >= right or top >= bottom:
        return out
    across, down = width / window.width, height / window.height
    x0, x1 = (round(across * (u - window.x)) for u in (left, right))
    y0, y1 = (round(down * (v - window.y)) for v in (top, bottom))
    if x1 > x0 and y1 > y0:
        out[0, y0:y1, x0:x1] = shrunk(image[top:bottom, left:right], x1 - x0, y1 - y0)
    return out


def _joints(found: Array, window: Window) -> Array:
    """y, x in fractions of the window and score (17, 3) -> u, v [px] and score (17, 3)."""
    return np.column_stack([window.to_image(found[:, 1::-1]), found[:, 2]])
