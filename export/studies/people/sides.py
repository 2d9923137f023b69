"""How often the detector gives a joint of one side the name of the other, and front is taken for
back, on calibrated videos of real people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Array, Image
from edge.core.pose import MID_HIP, MIRROR, N_JOINTS, Keypoints
from edge.core.rig import Camera
from edge.lifting.lifter import MODELS, Lifter
from edge.lifting.network_lifter import NetworkLifter
from edge.sight.people import PeopleFinder
from export.simulate.detector_errors import SWAPPED_PARTS, person_size
from export.simulate.recording import RecordingConditions
from export.simulate.sessions import RESPEAKER_USB_V2_MICS, array_rig
from export.simulate.video.calibration import frame_count, frame_size, load_calibration, read_frames
from export.simulate.video.session import SPEAKER_M, reference_joints, scaled

WIDTH_PX = 540  # of the images, as in the sessions that the videos become
IN_VIEW = 8  # of the first 15 joints
NEAR = 0.15  # of the person's size: median error of a detection that is theirs
# A part is swapped where its joints with exchanged names have this share of the error, and the
# error with their own is more than this part of the person's size.
MARGIN, LEAST = 0.7, 0.03
TURNED_DEG = 90.0


@dataclass(frozen=True, slots=True)
class SidesRow:
    """One person on one camera. shown, found: images with the person in view, and detected. upper,
    lower: detections with arms or legs swapped. mixed: with more joints of another person than of
    a swap. turned: lifted poses that face more than TURNED_DEG away from the truth. relative_m,
    swapped_m: median root-aligned error of all poses, and of those swapped or turned.
    """

    name: str
    shown: int
    found: int
    upper: int
    lower: int
    mixed: int
    turned: int
    relative_m: float
    swapped_m: float


def measure_sides(video: Path, name: str) -> Iterator[SidesRow]:
    """Everybody on every camera of a calibrated video with joints3d.npz. Raises SessionError."""
    movies = sorted(video.glob("cam*.mp4"))
    sizes = {m.stem: frame_size(m) for m in movies}
    reference = reference_joints(video)
    lift = NetworkLifter(MODELS / "lifter_ray_int8.tflite")
    for seen_by in load_calibration(video / "Calib.qca.txt", sizes):
        movie = video / f"{seen_by.serial}.mp4"
        camera = scaled(seen_by.camera, WIDTH_PX)
        find = PeopleFinder(MODELS, 1)
        images = read_frames(movie, round(frame_count(movie) / len(reference)))
        found = [find(_small(image, camera)) for image in images]
        yield from sides_of(
            f"{name}, {seen_by.serial}", found, seen_by.from_world(reference), camera, lift
        )


def sides_of(
    name: str, found: Sequence[list[Keypoints]], true: Array, camera: Camera, lift: Lifter
) -> Iterator[SidesRow]:
    """Each person's row. found: of each image. true: (K, Q, 25, 3) camera frame [m]."""
    rig = array_rig(camera, RESPEAKER_USB_V2_MICS, SPEAKER_M, RecordingConditions.temperature_c)
    for q in range(true.shape[1]):
        shown, turned = 0, []
        swaps, errors = [], []
        for people, bodies in zip(found, true, strict=False):
            pixels = _projected(bodies, camera)
            if not _in_view(pixels[q], camera):
                continue
            shown += 1
            own = _detection_of(people, pixels, q)
            if own is None:
                continue
            pose = lift([own], None, rig)[0]
            if pose is None:
                continue
            swaps.append(_swaps(own.pixels[:, :2], pixels, q))
            turned.append(_turned_deg(pose.joints, bodies[q]) > TURNED_DEG)
            relative = (pose.joints - pose.joints[MID_HIP]) - (bodies[q] - bodies[q, MID_HIP])[:15]
            errors.append(float(np.nanmean(np.linalg.norm(relative, axis=1))))
        if shown:
            upper, lower, mixed = np.array(swaps, bool).reshape(-1, 3).T
            wrong = upper | lower | np.array(turned, bool)
            error = np.array(errors)
            yield SidesRow(
                f"{name}, person {q + 1}",
                shown,
                len(error),
                int(upper.sum()),
                int(lower.sum()),
                int(mixed.sum()),
                sum(turned),
                _median(error),
                _median(error[wrong]),
            )


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


def _off(found: Array, true: Array, joints: Sequence[int]) -> float:
    """Median distance of found joints (25, 2) from the true ones."""
    apart = np.linalg.norm(found[joints] - true[joints], axis=1)
    return float(np.nanmedian(apart)) if np.isfinite(apart).any() else float("inf")


def _detection_of(people: Sequence[Keypoints], pixels: Array, q: int) -> Keypoints | None:
    """The detection that fits person q, in either naming, better than anybody else."""
    best = None
    for keypoints in people:
        uv = keypoints.pixels[:, :2]
        body = [j for j in range(N_JOINTS) if np.isfinite(pixels[:, j]).any()]
        offs = [min(_off(uv, p, body), _off(uv[list(MIRROR)], p, body)) for p in pixels]
        if np.argmin(offs) == q and offs[q] < NEAR * person_size(pixels[q]):
            best = min((best, (offs[q], keypoints)), key=lambda b: np.inf if b is None else b[0])
    return None if best is None else best[1]


def _swaps(uv: Array, pixels: Array, q: int) -> tuple[bool, bool, bool]:
    """Arms, legs swapped, and whether either only seems so since joints are another person's."""
    size = person_size(pixels[q])
    swapped, mixed = [], False
    for part in SWAPPED_PARTS:
        joints = [j for j in part if j < N_JOINTS]
        own, other = _off(uv, pixels[q], joints), _off(uv[list(MIRROR)], pixels[q], joints)
        is_swapped = other < MARGIN * own and own > LEAST * size
        strangers = [
            min(_off(uv, p, joints), _off(uv[list(MIRROR)], p, joints))
            for k, p in enumerate(pixels)
            if k != q
        ]
        if is_swapped and min(strangers, default=np.inf) < 2.0 * other:
            is_swapped, mixed = False, True
        swapped.append(bool(is_swapped))
    return swapped[0], swapped[1], mixed


def _turned_deg(joints: Array, true: Array) -> float:
    """Angle between where both bodies face; 0 where that is unknown."""
    a, b = _facing(joints), _facing(true)
    return float(np.degrees(np.arccos(np.clip(a @ b, -1.0, 1.0)))) if np.isfinite(a @ b) else 0.0


def _facing(joints: Array) -> Array:
    across = joints[2] - joints[5] + joints[9] - joints[12]
    ahead = np.cross(across, joints[1] - joints[MID_HIP])
    return np.asarray(ahead / np.linalg.norm(ahead))


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _cell(metres: float) -> str:
    return "-" if np.isnan(metres) else f"{100 * metres:.1f} cm"


def sides_report(rows: Sequence[SidesRow], command: str) -> str:
    """The section as Markdown. command: that made it."""
    lines = [
        "| video, camera, person | in view | found | arms swapped | legs swapped "
        "| another's joints | front for back | root-aligned error, all | of those |",
        "|---" * 9 + "|",
    ]
    for row in rows:
        every, wrong = (_cell(m) for m in (row.relative_m, row.swapped_m))
        lines.append(
            f"| {row.name} | {row.shown} | {row.found} | {row.upper} | {row.lower} | {row.mixed} "
            f"| {row.turned} | {every} | {wrong} |"
        )
    found, upper, lower, mixed, turned = (
        sum(getattr(r, name) for r in rows)
        for name in ("found", "upper", "lower", "mixed", "turned")
    )
    return f"""\
Frames of pose2sim's demos. The detector's joints are compared with the projected reference. Arms or
legs count as swapped where they fit better with left and right exchanged (at most {MARGIN:g} of the
error, which is more than {100 * LEAST:g} % of the person's size), unless they fit somebody else in
the image as well: those are another's joints. Front for back: the lifted pose, without sound and
with the camera's height known, faces more than {TURNED_DEG:g} degrees away from the truth.

    {command}

Of {found} detections {upper} have the arms and {lower} the legs swapped, {mixed} have limbs of
somebody else; {turned} poses face the wrong way.

""" + "\n".join(lines)
