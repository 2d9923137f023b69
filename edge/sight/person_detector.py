"""BlazePose's person detector: anchors, decoding, weighted non-maximum suppression, and the square
region around each person.

Anchor and decoding options are those of MediaPipe's pose_detection graph (SsdAnchorsCalculator:
strides 8, 16, 32, 32, 32, two anchors per cell and layer, fixed size;
TensorsToDetectionsCalculator: scale 224, scores clipped at 100, sigmoid).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Image
from edge.core.inference.tflite import Model

Window = tuple[int, int, int]  # x, y, side [px]

_SIDE = 224
_STRIDES = (8, 16, 32, 32, 32)
_ANCHORS_PER_CELL = 2
_ROI_SCALE = 1.25
_SAME_FACE_IOU = 0.3
# Two detections whose body circles share centre and size to within these fractions are one person
# found twice.
_SAME_CENTRE = 0.35
_SAME_SIZE = 1.6


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated square of the image.

    x, y: centre [px]. side: [px]. angle: [rad], clockwise on the screen; 0 is upright.
    """

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, centre: npt.ArrayLike, top: npt.ArrayLike) -> "Region":
        """The region of the body circle through `top` (2,) about `centre` (2,), both px; `top` is
        where the head points.
        """
        (x, y), (tx, ty) = np.asarray(centre, np.float64), np.asarray(top, np.float64)
        dx, dy = tx - x, ty - y
        side, angle = 2 * _ROI_SCALE * np.hypot(dx, dy), np.arctan2(dx, -dy)
        return cls(float(x), float(y), float(side), float(angle))

    def to_image(self, side: int) -> Array:
        """Affine map (2, 3) from a crop of `side` pixels to the image."""
        k = self.side / side
        c, s = k * np.cos(self.angle), k * np.sin(self.angle)
        return np.array([[c, -s, self.x - (c - s) * side / 2], [s, c, self.y - (s + c) * side / 2]])

    def like(self, other: "Region") -> bool:
        """Whether both surround the same person: near centres and like sizes."""
        larger, smaller = max(self.side, other.side), min(self.side, other.side)
        near = np.hypot(self.x - other.x, self.y - other.y) < _SAME_CENTRE * larger / _ROI_SCALE
        return bool(near and larger < _SAME_SIZE * smaller)


@dataclass(frozen=True, slots=True)
class DetectedPerson:
    """One detection. score: 0..1. region: where the landmark network should look."""

    score: float
    region: Region

    @property
    def prominence(self) -> float:
        """Size times score: of several people the highest is lifted."""
        return self.score * self.region.side


class PersonDetector:
    """pose_detection.tflite on whole images or square windows of them."""

    def __init__(self, path: Path, threads: int, min_score: float, runtime: str = "") -> None:
        self._model = Model(path, threads, runtime)
        self._min_logit = float(np.log(min_score / (1 - min_score)))
        self._anchors = _anchors()

    def __call__(self, image: Image, window: Window | None = None) -> list[DetectedPerson]:
        """People in `image` (H, W, 3) RGB, most prominent first. window: None = all of it."""
        height, width = image.shape[:2]
        if window is None:
            side = max(width, height)
            x, y = (width - side) / 2, (height - side) / 2
        else:
            x, y, side = window
            image = image[y : y + side, x : x + side]
        boxes, scores = self._model.run(_letterbox(image))
        candidates = np.flatnonzero(scores[0, :, 0] > self._min_logit)
        if len(candidates) == 0:
            return []
        decoded = boxes[0, candidates].astype(np.float64) / _SIDE
        decoded[:, :2] += self._anchors[candidates]
        decoded[:, 4:] += np.tile(self._anchors[candidates], 4)
        logits = np.clip(scores[0, candidates, 0].astype(np.float64), -100, 100)
        people = []
        for score, points in _weighted_nms(decoded, 1 / (1 + np.exp(-logits))):
            centre, top = points[4:6] * side + (x, y), points[6:8] * side + (x, y)
            people.append(DetectedPerson(score, Region.around(centre, top)))
        return _distinct(people)


def search_windows(width: int, height: int) -> list[Window]:
    """Overlapping square windows that together cover the image at two scales.

    A small or distant person whom the detector misses in the whole image, shrunk to 224 pixels, is
    large enough in one of these.
    """
    short = min(width, height)
    windows = []
    for side in (short, round(0.6 * short)):
        if side < max(width, height):
            xs, ys = (
                np.linspace(0, n - side, 1 + int(np.ceil((n - side) / (0.5 * side))))
                for n in (width, height)
            )
            windows += [(round(x), round(y), side) for y in ys for x in xs]
    return windows


def window_around(region: Region, width: int, height: int) -> Window:
    """A square window inside the image, centred on a region and a little larger, where it fits."""
    side = int(min(1.5 * region.side, width, height))
    x = int(np.clip(region.x - side / 2, 0, width - side))
    y = int(np.clip(region.y - side / 2, 0, height - side))
    return x, y, side


def _anchors() -> Array:
    """Anchor centres (2254, 2) in fractions of the input; layers of one stride share cells."""
    layers = []
    for stride in sorted(set(_STRIDES)):
        cells = _SIDE // stride
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells
        layers.append(np.repeat(centres, _ANCHORS_PER_CELL * _STRIDES.count(stride), axis=0))
    return np.concatenate(layers)


def _letterbox(image: Image) -> npt.NDArray[np.float32]:
    """Image -> (1, 224, 224, 3) in -1..1, shrunk to fit and centred on black."""
    height, width = image.shape[:2]
    scale = _SIDE / max(width, height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = cv2.resize(
        image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    out = np.full((1, _SIDE, _SIDE, 3), -1.0, np.float32)
    y, x = (_SIDE - h) // 2, (_SIDE - w) // 2
    out[0, y : y + h, x : x + w] = shrunk.astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    return out


def _weighted_nms(decoded: Array, scores: Array) -> list[tuple[float, Array]]:
    """Merge overlapping candidates: of each cluster its best score and its score-weighted mean."""
    xy, size = decoded[:, :2], np.abs(decoded[:, 2:4])
    low, high, area = xy - size / 2, xy + size / 2, size.prod(1)
    remaining = np.argsort(-scores)
    merged = []
    while len(remaining):
        best = remaining[0]
        span = np.minimum(high[remaining], high[best]) - np.maximum(low[remaining], low[best])
        overlap = span.clip(0).prod(1)
        same = overlap > _SAME_FACE_IOU * (area[remaining] + area[best] - overlap)
        same[0] = True
        cluster = remaining[same]
        mean = np.average(decoded[cluster], axis=0, weights=scores[cluster])
        merged.append((float(scores[best]), mean))
        remaining = remaining[~same]
    return merged


def _distinct(people: list[DetectedPerson]) -> list[DetectedPerson]:
    kept: list[DetectedPerson] = []
    for person in sorted(people, key=lambda p: -p.prominence):
        if not any(person.region.like(other.region) for other in kept):
            kept.append(person)
    return kept
