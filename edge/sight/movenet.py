"""MoveNet: MultiPose finds up to six people in an image, Thunder the joints of one in a crop.

Both networks are Google's (Apache-2.0), their backbones in int8 and their coordinate arithmetic in
floating point. They give the 17 joints of COCO, each with a score 0..1.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Array, Image
from edge.core.inference.tflite import Model

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
    """A rectangle of the image, which it may leave: x, y [px] of its corner, width and height [px]."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def square(cls, x: float, y: float, side: float) -> "Window":
        """The square about the middle (x, y), all px."""
        return cls(x - side / 2, y - side / 2, side, side)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person as MultiPose sees one. joints: (17, 3) u, v [px], score. box: of the person."""

    joints: Array
    box: Window
    score: float


class MultiPose:
    """movenet_multipose_192x320_int8.tflite on whole images or windows of them."""

    def __init__(self, path: Path, threads: int, runtime: str = "") -> None:
        """Raises ModelError."""
        self._model = Model(path, threads, runtime)
        _, self._height, self._width, _ = self._model.input_shapes[0]

    def __call__(self, image: Image, min_score: float) -> list[Candidate]:
        """People in `image` (H, W, 3) uint8 RGB with a score of at least `min_score`."""
        height, width = image.shape[:2]
        scale = min(self._width / width, self._height / height)
        across, down = self._width / scale, self._height / scale
        seen = Window((width - across) / 2, (height - down) / 2, across, down)
        (found,) = self._model.run(_crop(image, seen, self._width, self._height))
        people = []
        for row in found[0].astype(np.float64):
            if row[55] < min_score:
                continue
            y0, x0, y1, x1 = row[51:55]
            corner, span = np.array([seen.x, seen.y]), np.array([seen.width, seen.height])
            (left, top), (right, bottom) = corner + span * (x0, y0), corner + span * (x1, y1)
            box = Window(left, top, right - left, bottom - top)
            people.append(Candidate(_joints(row[:51].reshape(17, 3), seen), box, float(row[55])))
        return people


class Thunder:
    """movenet_thunder_int8.tflite on a square crop of one person."""

    def __init__(self, path: Path, threads: int, runtime: str = "") -> None:
        """Raises ModelError."""
        self._model = Model(path, threads, runtime)
        self._side = self._model.input_shapes[0][1]

    def __call__(self, image: Image, window: Window) -> Array:
        """COCO's joints (17, 3) u, v [px of the image] and score, of the person who fills the square
        window of `image` (H, W, 3) uint8 RGB.
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


def _crop(image: Image, window: Window, width: int, height: int) -> np.ndarray:
    """A window of the image as the network's input (1, height, width, 3) int32, black outside."""
    sx, sy = width / window.width, height / window.height
    to_crop = np.array([[sx, 0.0, -sx * window.x], [0.0, sy, -sy * window.y]])
    to_crop[:, 2] += 0.5 * (to_crop[:, :2].sum(1) - 1.0)  # pixels' middles, not their corners
    shrink = cv2.INTER_LINEAR
    crop = cv2.warpAffine(image, to_crop, (width, height), flags=shrink)
    return crop[None].astype(np.int32)


def _joints(found: Array, window: Window) -> Array:
    """y, x in fractions of the window and score (17, 3) -> u, v [px] and score (17, 3)."""
    u = window.x + window.width * found[:, 1]
    v = window.y + window.height * found[:, 0]
    return np.column_stack([u, v, found[:, 2]])
