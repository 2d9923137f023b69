"""Frame -> 2D joints (25, 3) and a shape prior: BlazePose, tracking one person from frame to frame."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Image
from edge.core.inference.tflite import Model, Tensor
from edge.core.pose import MID_HIP, MIRROR, Keypoints
from edge.sight.person_detector import (
    DetectedPerson,
    PersonDetector,
    Region,
    search_windows,
    window_around,
)

_SIDE = 256
_LANDMARKS = 33
_CENTRE, _TOP = 33, 34  # auxiliary landmarks: middle and top of the body circle
# BlazePose landmarks whose mean is each BODY_25 joint; it has no small toes.
_SOURCES: tuple[tuple[int, ...], ...] = (
    (0,), (11, 12), (12,), (14,), (16,), (11,), (13,), (15,), (23, 24), (24,), (26,), (28,), (23,), (25,), (27,),
    (5,), (2,), (8,), (7,), (31,), (), (29,), (32,), (), (30,),
)  # fmt: skip
_MIRROR = list(MIRROR)
_RIGHT, _LEFT = [2, 9], [5, 12]  # shoulder and hip
_HEATMAP_KERNEL = 7
_HEATMAP_SURE = 0.5
# Another person must be this much more prominent than the followed one, so that two equals do not
# take turns.
_SWITCH = 1.3
_SURELY_PERSON = 0.8
_MAX_OTHERS = 3  # confirmed per look, which bounds its time
# Shoulders plus hips at least this wide, in sides of the region: about a third of a front view.
_WIDE = 0.08
_PATIENCE = 20  # frames, at most, that the network may insist on other sides before it is believed


def to_body25(landmarks: npt.ArrayLike) -> Array:
    """BlazePose's landmarks (..., 33, C) -> BODY_25 order (..., 25, C); NaN where there is none."""
    a = np.asarray(landmarks, np.float64)
    out = np.full((*a.shape[:-2], len(_SOURCES), a.shape[-1]), np.nan)
    for joint, sources in enumerate(_SOURCES):
        if sources:
            out[..., joint, :] = a[..., sources, :].mean(-2)
    return out


class BlazePose:
    """Finds people, follows the most prominent from frame to frame, and gives that one's joints.

    `Keypoints.pixels` are in pixels of the image given; their confidence is visibility times presence. `Keypoints.relative` is
    metres about the mid-hip, x right, y down, z away **along and across the ray to the middle of the person**, not the optical
    axis: BlazePose sees a crop and does not know where in the image it was. To bring it into the camera frame, turn it by the
    rotation that takes the optical axis to that ray.

    model_dir: holds pose_detection.tflite and pose_landmark_{lite,full}.tflite. min_confidence: of
    the detection and of the landmark network's own flag, 0..1. detect_every: frames between looks
    at the whole image, which notice a more prominent person; between them one search window after
    the other is searched for others, so `Keypoints.people` (the followed one and the most others
    seen in one window) lags by some ten looks and is a lower bound. Raises ModelError. For one
    stream of images: it remembers.
    """

    def __init__(
        self,
        model_dir: Path,
        model: Literal["lite", "full"] = "full",
        threads: int = 2,
        min_confidence: float = 0.5,
        detect_every: int = 15,
        runtime: str = "",
    ) -> None:
        self._detector = PersonDetector(
            model_dir / "pose_detection.tflite", threads, min_confidence, runtime
        )
        self._network = Model(model_dir / f"pose_landmark_{model}.tflite", threads, runtime)
        self._min_confidence = min_confidence
        self._detect_every = detect_every
        self._sides = _Sides()
        self._region: Region | None = None
        self._lost: Region | None = None
        self._presence = 0.0
        self._people = 0
        self._since_detection = 0
        self._windows_tried = 0
        self._followed = np.empty((0, 2))
        self._others: dict[tuple[int, int, int], int] = {}

    def __call__(self, image: Image) -> Keypoints | None:
        """Joints of the most prominent person in `image` (H, W, 3) uint8 RGB; None where nobody is
        seen.
        """
        if self._region is not None:
            self._since_detection += 1
            if self._since_detection % self._detect_every == 0:
                self._region = self._look_around(image, self._region)
            elif self._since_detection % self._detect_every == self._detect_every // 2:
                self._search_others(image)
            keypoints = self._landmarks(image, self._region)
            if keypoints is not None:
                return keypoints
            self._lost, self._region = self._region, None
        return self._acquire(image)

    def _acquire(self, image: Image) -> Keypoints | None:
        """Look for people in the whole image, and in one of the search windows if there are none."""
        people = self._detector(image) or self._detector(image, self._next_window(image))
        self._since_detection = 0
        self._people = len(people)
        self._others.clear()
        self._sides = _Sides()
        # A detection that the landmark network does not confirm was no person; two tries bound the
        # time for one frame.
        for person in people[:2]:
            keypoints = self._landmarks(image, person.region)
            if keypoints is not None:
                return keypoints
        return None

    def _next_window(self, image: Image) -> tuple[int, int, int]:
        height, width = image.shape[:2]
        if self._lost is not None:
            window, self._lost = window_around(self._lost, width, height), None
            return window
        windows = search_windows(width, height)
        self._windows_tried += 1
        return windows[self._windows_tried % len(windows)]

    def _look_around(self, image: Image, followed: Region) -> Region:
        """Count people; the region to follow from now on."""
        people = self._detector(image)
        same = [p for p in people if p.region.like(followed)]
        self._people = len(people) + (0 if same else 1)
        if not people or people[0] in same:
            return followed
        current = same[0] if same else DetectedPerson(self._presence, followed)
        if people[0].prominence < _SWITCH * current.prominence:
            return followed
        self._sides = _Sides()
        self._others.clear()
        return people[0].region

    def _search_others(self, image: Image) -> None:
        """Count people in one window of the image with the followed one painted over: the detector
        hides all but the largest.
        """
        window = self._next_window(image)
        low, high = self._followed.min(0), self._followed.max(0)
        margin = 0.08 * (high - low).max()
        x0, y0 = (low - margin).clip(0).astype(int)
        x1, y1 = (high + margin).clip(0).astype(int)
        rest = image.copy()
        rest[y0:y1, x0:x1] = 0
        found = self._detector(rest, window)
        self._others[window] = sum(
            self._run(rest, person.region)[1] > _SURELY_PERSON for person in found[:_MAX_OTHERS]
        )

    def _run(self, image: Image, region: Region) -> tuple[list[Tensor], float]:
        """The landmark network on a region: its outputs, and its flag that somebody is there
        (0..1).
        """
        size = (_SIDE, _SIDE)
        crop = cv2.warpAffine(
            image, region.to_image(_SIDE), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        outputs = self._network.run(crop[None].astype(np.float32) * np.float32(1 / 255))
        return outputs, float(outputs[1][0, 0])

    def _landmarks(self, image: Image, region: Region) -> Keypoints | None:
        """Run the landmark network on a region, and aim the next frame's; None where it sees nobody
        there.
        """
        (points, _, _, heatmaps, world), self._presence = self._run(image, region)
        if self._presence < self._min_confidence:
            return None
        table = points.reshape(-1, 5).astype(np.float64)
        to_image = region.to_image(_SIDE)
        pixels = _refine(table[:, :2], heatmaps[0]) @ to_image[:, :2].T + to_image[:, 2]
        self._region = Region.around(pixels[_CENTRE], pixels[_TOP])
        self._followed = pixels[:_LANDMARKS]

        seen = (1 / (1 + np.exp(-table[:, 3:]))).prod(1)
        cos, sin = np.cos(region.angle), np.sin(region.angle)
        upright = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        relative = to_body25(world.reshape(-1, 3)[:_LANDMARKS].astype(np.float64) @ upright.T)
        relative -= relative[MID_HIP]
        joints = to_body25(np.column_stack([pixels, seen])[:_LANDMARKS])
        joints[np.isnan(joints[:, 0]), 2] = 0.0
        joints, relative = self._sides.keep(joints, relative, self._region.side)
        people = max(self._people, 1 + max(self._others.values(), default=0))
        return Keypoints(joints, relative, people, self._presence)


class _Sides:
    """Keeps left and right apart over time.

    From one frame to the next the network may take a person's front for the back: all joints stay
    where they are in the image, but left and right change names and depth changes sign. No body
    turns that fast, so such a frame is turned back, unless there are by now as many frames against
    the sides kept as for them.
    """

    def __init__(self) -> None:
        self._across: Array | None = None
        self._belief = 0

    def keep(self, joints: Array, relative: Array, side: float) -> tuple[Array, Array]:
        """joints: (25, 3). relative: (25, 3). side: of the person's region [px]. Both with the
        sides of the frame before.
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
            joints, relative, across = (
                joints[_MIRROR],
                relative[_MIRROR] * (1.0, 1.0, -1.0),
                -across,
            )
        self._across = across
        return joints, relative


def _refine(points: Array, heatmaps: npt.NDArray[np.float32]) -> Array:
    """Move each landmark (L, 2) [crop px] to its heatmap's centre of mass nearby, where the heatmap
    (h, w, L) is sure of it.

    This is MediaPipe's RefineLandmarksFromHeatmap with its pose options.
    """
    cells, reach = heatmaps.shape[0], _HEATMAP_KERNEL // 2
    scale = cells / _SIDE
    corner = np.trunc(points * scale).astype(np.int64)
    offsets = np.arange(-reach, reach + 1)
    x, y = (corner[:, axis, None] + offsets for axis in (0, 1))  # (L, kernel)
    inside = ((y >= 0) & (y < cells))[:, :, None] & ((x >= 0) & (x < cells))[:, None, :]
    index = np.arange(len(points))[:, None, None]
    logits = heatmaps[
        y.clip(0, cells - 1)[:, :, None], x.clip(0, cells - 1)[:, None, :], index
    ].astype(np.float64)
    weight = np.where(inside, 1 / (1 + np.exp(-logits)), 0.0)
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    centre = (
        np.stack([(weight.sum(1) * x).sum(1), (weight.sum(2) * y).sum(1)], -1)
        / total[:, None]
        / scale
    )
    centred = ((corner >= 0) & (corner < cells)).all(1) & (weight.max((1, 2)) >= _HEATMAP_SURE)
    return np.where(centred[:, None], centre, points)
