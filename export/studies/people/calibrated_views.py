"""Calibrated videos of real people as the detector sees them, beside where everybody is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Array, Image
from edge.core.pose import MIRROR, N_JOINTS, Keypoints
from edge.core.rig import Camera, Rig
from edge.lifting.lifter import MODELS
from edge.sight.people import PeopleFinder
from export.simulate.detector_errors import person_size
from export.simulate.sessions import respeaker_rig
from export.simulate.video.calibration import (
    frame_count,
    frame_rate_hz,
    frame_size,
    load_calibration,
    read_frames,
)
from export.simulate.video.session import reference_joints, scaled

WIDTH_PX = 540  # of the images, as in the sessions that the videos become
IN_VIEW = 8  # of the first 15 joints
NEAR = 0.15  # of the person's size: median error of a detection that is theirs


@dataclass(frozen=True, eq=False)
class CalibratedView:
    """One camera. t_s: (K,) of the images. true: (K, Q, 25, 3) joints of everybody, camera frame
    [m], NaN where unknown. found: of each image.
    """

    serial: str
    camera: Camera
    t_s: Array
    true: Array
    found: Sequence[list[Keypoints]]

    @property
    def rig(self) -> Rig:
        """The camera with an array below it, whose sound nobody hears here."""
        return respeaker_rig(self.camera)

    def own(self, q: int) -> Iterator[tuple[int, Array, Keypoints | None]]:
        """Each image in which person q is in view: its number, where the joints of everybody are
        (Q, 25, 2) [px], NaN where unknown, and the detection that fits q better than anybody else,
        in its own or the mirrored naming.
        """
        for k, (bodies, people) in enumerate(zip(self.true, self.found, strict=True)):
            pixels = _projected(bodies, self.camera)
            if _in_view(pixels[q], self.camera):
                yield k, pixels, _detection_of(people, pixels, q)


def watch(video: Path) -> Iterator[CalibratedView]:
    """The cameras of a video with joints3d.npz. Raises SessionError."""
    reference = reference_joints(video)
    sizes = {m.stem: frame_size(m) for m in sorted(video.glob("cam*.mp4"))}
    for seen_by in load_calibration(video / "Calib.qca.txt", sizes):
        movie = video / f"{seen_by.serial}.mp4"
        camera = scaled(seen_by.camera, WIDTH_PX)
        find = PeopleFinder(MODELS, 1)
        step = round(frame_count(movie) / len(reference))
        found = [find(_small(image, camera)) for image in read_frames(movie, step)]
        n = min(len(found), len(reference))
        t_s = np.arange(n) * step / frame_rate_hz(movie)
        true = seen_by.from_world(reference[:n])
        yield CalibratedView(seen_by.serial, camera, t_s, true, found[:n])


def median_off(found: Array, true: Array, joints: Sequence[int]) -> float:
    """Median distance of some of the found joints (25, 2) from the true ones; inf where none is
    known.
    """
    apart = np.linalg.norm(found[joints] - true[joints], axis=1)
    return float(np.nanmedian(apart)) if np.isfinite(apart).any() else float("inf")


def _small(image: Image, camera: Camera) -> Image:
    shape = camera.width, camera.height
    return np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _projected(bodies: Array, camera: Camera) -> Array:
    """Pixels (Q, 25, 2) of joints (Q, 25, 3); NaN where unknown or behind the camera."""
    ahead = np.isfinite(bodies).all(axis=-1) & (np.nan_to_num(bodies[..., 2]) > 0.2)
    pixels = camera.project(np.where(ahead[..., None], bodies, [0.0, 0.0, 1.0]))
    return np.where(ahead[..., None], pixels, np.nan)


def _in_view(pixels: Array, camera: Camera) -> bool:
    inside = (pixels[:N_JOINTS] >= 0.0) & (pixels[:N_JOINTS] < [camera.width, camera.height])
    return int(inside.all(axis=1).sum()) >= IN_VIEW


def _detection_of(people: Sequence[Keypoints], pixels: Array, q: int) -> Keypoints | None:
    """The detection that fits person q, in either naming, better than anybody else."""
    best = None
    for keypoints in people:
        uv = keypoints.pixels[:, :2]
        body = [j for j in range(N_JOINTS) if np.isfinite(pixels[:, j]).any()]
        offs = [min(median_off(uv, p, body), median_off(uv[list(MIRROR)], p, body)) for p in pixels]
        if np.argmin(offs) == q and offs[q] < NEAR * person_size(pixels[q]):
            best = min((best, (offs[q], keypoints)), key=lambda b: np.inf if b is None else b[0])
    return None if best is None else best[1]
