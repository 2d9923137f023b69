"""The networks that find people, and their joints, on frames of calibrated videos."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, Image
from edge.core.pose import MIRROR, N_JOINTS, SEEN, Keypoints
from edge.sight.movenet import MultiPose, Window, to_body25
from edge.sight.people import FILES, PeopleFinder
from export.simulate.video.calibration import frame_count, frame_size, load_calibration, read_frames
from export.simulate.video.session import reference_joints

STEP = 4  # frames of the video
# Fractions of the person's size in the image: a median error above the first is a person not found;
# a part whose median error is above the second, and falls to the third of itself when left and
# right change names, is swapped.
LOST, SWAP_ERROR, SWAP_SHARE = 0.2, 0.05, 0.6
PARTS = ((2, 3, 4, 5, 6, 7), (9, 10, 11, 12, 13, 14))
TABLE_HEAD = """\
| video, camera | detector | people found | lost | swapped | error, median / 90 % | seen | error of seen | processor |
|---|---|---|---|---|---|---|---|---|"""  # noqa: E501

Detector = Callable[[Image], Sequence[Keypoints]]


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """One detector on one camera, of the reference's first person. found: people per frame. errors:
    (K, 15) over the person's size. seen: (K, 15). swapped, lost: of `frames`. cpu_ms: a frame.
    """

    name: str
    detector: str
    found: float
    lost: int
    swapped: int
    frames: int
    errors: Array
    seen: Array
    cpu_ms: float

    def as_markdown(self) -> str:
        """A line of the table."""
        median, most = (100 * np.nanquantile(self.errors, q) for q in (0.5, 0.9))
        clear = self.errors[self.seen]
        ms, ms9 = (100 * np.nanquantile(clear, q) for q in (0.5, 0.9))
        return (
            f"| {self.name} | {self.detector} | {self.found:.2f} | {self.lost} of {self.frames} "
            f"| {self.swapped} | {median:.1f} / {most:.1f} % | {100 * self.seen.mean():.0f} % "
            f"| {ms:.1f} / {ms9:.1f} % | {self.cpu_ms:.0f} ms |"
        )


def measure_detectors(video: Path, name: str, models: Path) -> Iterator[DetectorRow]:
    """Each detector on each camera. video: folder with Calib.qca.txt, camNN.mp4 and reference.

    Raises SessionError, ModelError.
    """
    world = reference_joints(video)[:, 0]
    movies = sorted(video.glob("cam*.mp4"))
    cameras = load_calibration(video / "Calib.qca.txt", {m.stem: frame_size(m) for m in movies})
    for camera in cameras:
        movie = video / f"{camera.serial}.mp4"
        every = max(1, round(frame_count(movie) / len(world)))  # the reference may skip frames
        joints = camera.from_world(world[:: STEP // every, :N_JOINTS])
        true = camera.camera.project(np.nan_to_num(joints, nan=1.0))
        true[~np.isfinite(joints[..., 0])] = np.nan
        for detector, detect in _detectors(models).items():
            images = read_frames(movie, STEP)
            yield _measure(f"{name}, {camera.serial}", detector, detect, images, true)


def _detectors(models: Path) -> dict[str, Detector]:
    multipose = MultiPose(models / FILES[0], 1)

    def alone(image: Image) -> list[Keypoints]:
        whole = Window(0, 0, image.shape[1], image.shape[0])
        return [Keypoints(to_body25(c.joints), c.score) for c in multipose(image, whole, 0.15)]

    return {
        "MultiPose, Thunder (ships)": PeopleFinder(models, 1),
        "the same, each image by itself": PeopleFinder(models, 1, look_every=0),
        "MultiPose's own joints": alone,
    }


def _measure(
    name: str, detector: str, detect: Detector, images: Iterator[Image], true: Array
) -> DetectorRow:
    errors, seen, found, lost, swapped, spent = [], [], 0, 0, 0, 0.0
    for image, truth in zip(images, true, strict=False):
        began = time.process_time()
        people = detect(image)
        spent += time.process_time() - began
        found += len(people)
        if not np.isfinite(truth).any():
            continue
        size = np.ptp(truth[np.isfinite(truth[:, 0])], axis=0).max()
        off = [np.linalg.norm(p.pixels[:N_JOINTS, :2] - truth, axis=1) / size for p in people]
        best = min(range(len(off)), key=lambda k: float(np.nanmedian(off[k])), default=None)
        if best is None or np.nanmedian(off[best]) > LOST:
            lost += 1
            continue
        mirrored = people[best].pixels[list(MIRROR[:N_JOINTS]), :2]
        turned = np.linalg.norm(mirrored - truth, axis=1) / size
        swapped += any(
            np.nanmedian(off[best][list(part)]) > SWAP_ERROR
            and np.nanmedian(turned[list(part)]) < SWAP_SHARE * np.nanmedian(off[best][list(part)])
            for part in PARTS
        )
        errors.append(off[best])
        seen.append(people[best].pixels[:N_JOINTS, 2] >= SEEN)
    frames = len(errors) + lost
    return DetectorRow(
        name,
        detector,
        found / max(frames, 1),
        lost,
        swapped,
        frames,
        np.array(errors),
        np.array(seen),
        1e3 * spent / max(frames, 1),
    )


def detectors_report(rows: Sequence[DetectorRow], command: str) -> str:
    """A page of results."""
    lines = "\n".join(row.as_markdown() for row in rows)
    return f"""# Finding people in the image

    {command}

Frames of calibrated videos with reference joints, every {STEP}th. Errors of the
reference's first person, of the 15 joints that the lifters use, in % of the person's size in the
image (the longer side of the box around the joints). Lost: no person within {100 * LOST:.0f} %.
Swapped: frames with left and right of the arms or the legs exchanged. Seen: joints with a
confidence of at least {SEEN}, and their errors. People found: a frame, with the bystander in the
background. Processor: time on one thread, images of 1080 by 1920 px.

{TABLE_HEAD}
{lines}
"""
