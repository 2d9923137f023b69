"""How often the detector gives a joint of one side the name of the other, and front is taken for
back, on calibrated videos of real people.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import MID_HIP, MIRROR, N_JOINTS
from edge.lifting.lifter import MODELS, Lifter
from edge.lifting.network_lifter import NetworkLifter
from export.simulate.detector_errors import SWAPPED_PARTS, person_size
from export.studies.people.calibrated_views import CalibratedView, median_off, watch

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
    lift = NetworkLifter(MODELS / "lifter_ray_int8.tflite")
    for view in watch(video):
        yield from sides_of(name, view, lift)


def sides_of(name: str, view: CalibratedView, lift: Lifter) -> Iterator[SidesRow]:
    """The row of everybody who is ever in view. name: of the video."""
    for q in range(view.true.shape[1]):
        shown, swaps, turned, errors = 0, [], [], []
        for k, pixels, own in view.own(q):
            shown += 1
            pose = None if own is None else lift([own], None, view.rig)[0]
            if own is None or pose is None:
                continue
            body = view.true[k, q]
            swaps.append(_swaps(own.pixels[:, :2], pixels, q))
            turned.append(_turned_deg(pose.joints, body) > TURNED_DEG)
            relative = (pose.joints - pose.joints[MID_HIP]) - (body - body[MID_HIP])[:N_JOINTS]
            errors.append(float(np.nanmean(np.linalg.norm(relative, axis=1))))
        if shown:
            upper, lower, mixed = np.array(swaps, bool).reshape(-1, 3).T
            wrong = upper | lower | np.array(turned, bool)
            error = np.array(errors)
            yield SidesRow(
                f"{name}, {view.serial}, person {q + 1}",
                shown,
                len(error),
                int(upper.sum()),
                int(lower.sum()),
                int(mixed.sum()),
                sum(turned),
                _median(error),
                _median(error[wrong]),
            )


def _swaps(uv: Array, pixels: Array, q: int) -> tuple[bool, bool, bool]:
    """Arms, legs swapped, and whether either only seems so since joints are another person's."""
    size = person_size(pixels[q])
    swapped, mixed = [], False
    for part in SWAPPED_PARTS:
        joints = [j for j in part if j < N_JOINTS]
        own, other = (
            median_off(uv, pixels[q], joints),
            median_off(uv[list(MIRROR)], pixels[q], joints),
        )
        is_swapped = other < MARGIN * own and own > LEAST * size
        strangers = [
            min(median_off(uv, p, joints), median_off(uv[list(MIRROR)], p, joints))
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
