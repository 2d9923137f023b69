"""What the track's smoothing makes of single images' poses: simulated motions, and real people.

No sound: it says nothing of the joints relative to one another, and that is what is measured.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import MID_HIP, N_JOINTS, Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.lifting.lifter import MODELS, Lifter
from edge.lifting.network_lifter import NetworkLifter
from export.simulate.detector_errors import person_size
from export.simulate.moving.lasting_errors import LastingDetector
from export.simulate.moving.motions import MOTIONS, sample_motion
from export.simulate.sessions import respeaker_rig
from export.studies.people.calibrated_views import CalibratedView, watch
from export.studies.tracked_people import TrackedPeople

SETTLED_S = 1.0  # of a track; a track of a video is too short for that
MEAN_S = 1.0
LAGS_S = (1 / 30, 0.1, 0.2, 0.33, 0.5, 0.83)
REAL_HZ = 20.0  # images a second that are taken of a video


@dataclass(frozen=True, eq=False)
class OverTime:
    """One sequence of one person. single, smoothed, averaged: (N,) root-aligned errors [m] of each
    pose, of the track's, and of a pose with the mean of the errors of the last MEAN_S, as if the
    motion were known. single_all, smoothed_all: (N,) errors of all joints [m]. inside: share of the
    smoothed joints within their 1-sigma.
    """

    kind: str
    single: Array
    smoothed: Array
    averaged: Array
    single_all: Array
    smoothed_all: Array
    inside: float


def follow(
    kind: str,
    t_s: Array,
    found: Sequence[Keypoints | None],
    true: Array,
    rig: Rig,
    lift: Lifter,
    settled_s: float = SETTLED_S,
) -> OverTime:
    """Lift and smooth one person's 2D joints. true: (T, 15, 3) [m], camera frame."""
    people = TrackedPeople(rig.camera)
    rows, poses, tracked, inside = [], [], [], []
    for k, keypoints in enumerate(found):
        pose = None if keypoints is None else lift([keypoints], None, rig)[0]
        if keypoints is None or pose is None:
            continue
        for person in people([(keypoints, pose)], round(1e9 * (1.0 + t_s[k]))).values():
            rows.append(k)
            poses.append(pose.joints)
            tracked.append(person.pose.joints)
            inside.append(_inside(person.pose, true[k]))
    t, truth = t_s[rows], true[rows]
    single, after = (_aligned(np.array(x), truth) for x in (poses, tracked))
    last = [single[(t > now - MEAN_S) & (t <= now)].mean(axis=0) for now in t]
    keep = t >= settled_s
    return OverTime(
        kind,
        single=_size(single)[keep],
        smoothed=_size(after)[keep],
        averaged=_size(np.array(last))[keep],
        single_all=_size(np.array(poses) - truth)[keep],
        smoothed_all=_size(np.array(tracked) - truth)[keep],
        inside=float(np.mean(np.array(inside)[keep])),
    )


def follow_motions(per_kind: int, seed: int, *, irregular: bool = False) -> Iterator[OverTime]:
    """So many motions of each kind, of the test split."""
    lift = NetworkLifter(MODELS / "lifter_ray_int8.tflite")
    for number in range(per_kind):
        for q, kind in enumerate(MOTIONS):
            rng = np.random.default_rng([seed, int(irregular), number, q])
            motion = sample_motion(rng, kind, "test", irregular=irregular)
            detect = LastingDetector(rng)
            found = [
                Keypoints(detect(joints, motion.camera, float(t)), 1.0)
                for joints, t in zip(motion.joints, motion.t_s, strict=True)
            ]
            rig = respeaker_rig(motion.camera)
            yield follow(kind, motion.t_s, found, motion.joints[:, :N_JOINTS], rig, lift)


@dataclass(frozen=True, slots=True)
class VideoOverTime:
    """One person on one camera: as `OverTime`, and how the detector's errors last. lasting:
    median difference of two errors LAGS_S apart over that of independent ones.
    """

    name: str
    followed: OverTime
    lasting: tuple[float, ...]


def follow_video(video: Path, name: str) -> Iterator[VideoOverTime]:
    """Everybody of a calibrated video with joints3d.npz who is in view in half of its images."""
    lift = NetworkLifter(MODELS / "lifter_ray_int8.tflite")
    for view in watch(video):
        for q in range(view.true.shape[1]):
            label = f"{name}, {view.serial}, person {q + 1}"
            own = list(view.own(q))
            if len(own) >= 0.5 * len(view.t_s):
                yield VideoOverTime(label, _follow_view(label, view, q, lift), _lasting(view, q))


def _follow_view(label: str, view: CalibratedView, q: int, lift: Lifter) -> OverTime:
    step = max(round(1.0 / (REAL_HZ * float(np.diff(view.t_s).mean()))), 1)
    found: list[Keypoints | None] = [None] * len(view.t_s)
    for k, _, keypoints in view.own(q):
        found[k] = keypoints
    true = view.true[:, q, :N_JOINTS]
    return follow(label, view.t_s[::step], found[::step], true[::step], view.rig, lift, 0.3)


def _lasting(view: CalibratedView, q: int) -> tuple[float, ...]:
    errors = np.full((len(view.t_s), N_JOINTS, 2), np.nan)
    for k, pixels, keypoints in view.own(q):
        if keypoints is not None:
            own = (keypoints.pixels[:, :2] - pixels[q]) / person_size(pixels[q])
            errors[k] = own[:N_JOINTS]
    usual = np.nanmedian(np.abs(errors))
    step_s = float(np.diff(view.t_s).mean())
    out = []
    for lag_s in LAGS_S:
        lag = max(round(lag_s / step_s), 1)
        apart = np.abs(errors[lag:] - errors[:-lag])
        out.append(float(np.nanmedian(apart) / (np.sqrt(2.0) * usual)))
    return tuple(out)


def _aligned(joints: Array, true: Array) -> Array:
    return (joints - joints[:, MID_HIP, None]) - (true - true[:, MID_HIP, None])


def _size(errors: Array) -> Array:
    """Mean over the joints (N,) of errors (N, 15, 3)."""
    return np.asarray(np.nanmean(np.linalg.norm(errors, axis=-1), axis=-1))


def _inside(pose: LiftedPose, true: Array) -> float:
    off = np.linalg.norm(pose.joints - true, axis=1)
    known = np.isfinite(off)
    return float(np.mean(off[known] < pose.sigma[known]))


def over_time_report(
    regular: Sequence[OverTime],
    irregular: Sequence[OverTime],
    videos: Sequence[VideoOverTime],
    command: str,
) -> str:
    """The section as Markdown. command: that made it."""
    kinds = dict.fromkeys(o.kind for o in regular)
    rows = [_row(kind, [o for o in regular if o.kind == kind]) for kind in kinds]
    rows += [_row("all", regular), _row("all, the camera stalls", irregular)]
    real = [_row(v.name, [v.followed]) for v in videos]
    lags = " | ".join(f"{lag:.2g} s" for lag in LAGS_S)
    lasting = [f"| {v.name} | " + " | ".join(f"{x:.2f}" for x in v.lasting) + " |" for v in videos]
    columns = (
        "sequences | poses | root-aligned: single image | track | mean of 1 s of errors "
        "| all joints: single image | track | within 1 sigma"
    )
    head = f"| | {columns} |\n" + "|---" * 9 + "|"
    parts = [
        f"""\
Somebody of the test split moves for 8 s before a camera that takes 12-25 images a second, now and
then one too few: simulated, with the errors of the fitted detector, which last as long as those on
real frames do. No sound, camera height known. Median / mean in cm. *Track*: what the sensor
publishes, the smoothed pose. *Mean of 1 s of errors*: the single image's pose with the mean of the
errors of the last second in place of its own, so what an average could reach that knew the motion.

    {command}
""",
        "\n".join([head, *rows]),
    ]
    if real:
        parts += [
            "\nReal people, 15-20 images a second:\n",
            "\n".join([head, *real]),
            "\nHow the detector's errors last: the median difference of two errors so far apart in "
            "time,\nover that of independent ones:\n",
            "\n".join([f"| | {lags} |", "|---" * (len(LAGS_S) + 1) + "|", *lasting]),
        ]
    return "\n".join(parts)


def _row(name: str, rows: Iterable[OverTime]) -> str:
    own = list(rows)
    if not own:
        return f"| {name} | 0 |" + " - |" * 7
    cells = []
    for field in ("single", "smoothed", "averaged", "single_all", "smoothed_all"):
        errors = 100.0 * np.concatenate([getattr(o, field) for o in own])
        cells.append(f"{np.median(errors):.1f} / {errors.mean():.1f}")
    poses = sum(len(o.single) for o in own)
    inside = sum(len(o.single) * o.inside for o in own) / max(poses, 1)
    shown = " | ".join(cells)
    return f"| {name} | {len(own)} | {poses} | {shown} | {100 * inside:.0f} % |"
