"""BlazePose's landmark network: one person's region of the image -> joints and a shape prior."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray, Image
from edge.core.inference.tflite import Model, Tensor
from edge.core.pose import MID_HIP
from edge.sight.person_detector import Region

_SIDE = 256
_LANDMARKS = 33
_CENTRE, _TOP = 33, 34  # auxiliary landmarks: middle and top of the body circle
# BlazePose landmarks whose mean is each BODY_25 joint; it has no small toes.
_SOURCES: tuple[tuple[int, ...], ...] = (
    (0,), (11, 12),  # nose, neck
    (12,), (14,), (16,), (11,), (13,), (15,),  # right and left shoulder, elbow, wrist
    (23, 24), (24,), (26,), (28,), (23,), (25,), (27,),  # mid-hip, hips, knees, ankles
    (5,), (2,), (8,), (7,),  # eyes, ears
    (31,), (), (29,), (32,), (), (30,),  # feet: big toe, small toe, heel, left first
)  # fmt: skip
_HEATMAP_KERNEL = 7
_HEATMAP_SURE = 0.5


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What the network finds in a region.

    joints: (25, 3) u, v [px of the image] and confidence, visibility times presence. relative:
    (25, 3) [m], see `BlazePose`. pixels: (33, 2) BlazePose's own landmarks. region: of the person,
    for the next frame. presence: the network's flag that somebody is there, 0..1.
    """

    joints: Array
    relative: Array
    pixels: Array
    region: Region
    presence: float


class LandmarkNetwork:
    """pose_landmark_{lite,full}.tflite."""

    def __init__(self, path: Path, threads: int, runtime: str = "") -> None:
        self._model = Model(path, threads, runtime)

    def presence(self, image: Image, region: Region) -> float:
        """The network's flag that somebody is in the region, 0..1."""
        return float(self._run(image, region)[1][0, 0])

    def __call__(self, image: Image, region: Region, min_presence: float) -> Landmarks | None:
        """What it finds in a region of `image` (H, W, 3) uint8 RGB; None below `min_presence`."""
        points, flag, _, heatmaps, world = self._run(image, region)
        presence = float(flag[0, 0])
        if presence < min_presence:
            return None
        table = points.reshape(-1, 5).astype(np.float64)
        to_image = region.to_image(_SIDE)
        pixels = _refine(table[:, :2], heatmaps[0]) @ to_image[:, :2].T + to_image[:, 2]
        seen = (1 / (1 + np.exp(-table[:, 3:]))).prod(1)
        joints = to_body25(np.column_stack([pixels, seen])[:_LANDMARKS])
        joints[np.isnan(joints[:, 0]), 2] = 0.0
        cos, sin = np.cos(region.angle), np.sin(region.angle)
        upright = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        relative = to_body25(world.reshape(-1, 3)[:_LANDMARKS].astype(np.float64) @ upright.T)
        relative -= relative[MID_HIP]
        around = Region.around(pixels[_CENTRE], pixels[_TOP])
        return Landmarks(joints, relative, pixels[:_LANDMARKS], around, presence)

    def _run(self, image: Image, region: Region) -> list[Tensor]:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(image, region.to_image(_SIDE), (_SIDE, _SIDE), flags=flags)
        return self._model.run(crop[None].astype(np.float32) * np.float32(1 / 255))


def to_body25(landmarks: npt.ArrayLike) -> Array:
    """BlazePose's landmarks (..., 33, C) -> BODY_25 order (..., 25, C); NaN where there is none."""
    a = np.asarray(landmarks, np.float64)
    out = np.full((*a.shape[:-2], len(_SOURCES), a.shape[-1]), np.nan)
    for joint, sources in enumerate(_SOURCES):
        if sources:
            out[..., joint, :] = a[..., sources, :].mean(-2)
    return out


def _refine(points: Array, heatmaps: FloatArray) -> Array:
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
    row, column = y.clip(0, cells - 1)[:, :, None], x.clip(0, cells - 1)[:, None, :]
    logits = heatmaps[row, column, index].astype(np.float64)
    weight = np.where(inside, 1 / (1 + np.exp(-logits)), 0.0)
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    moments = [(weight.sum(1) * x).sum(1), (weight.sum(2) * y).sum(1)]
    centre = np.stack(moments, -1) / total[:, None] / scale
    centred = ((corner >= 0) & (corner < cells)).all(1) & (weight.max((1, 2)) >= _HEATMAP_SURE)
    return np.where(centred[:, None], centre, points)
