"""First light: the error of a real person's distance on the frames of a calibrated video, with
simulated sound and with none.

The height prior is varied: sound should make the distance independent of it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from edge.core.config import Config, DeviceConfig, LifterConfig, SourceConfig
from edge.core.config.estimation import LifterKind
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP, LiftedPose
from edge.sensor.loops import replayed
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sources.session.truth import match_people, true_joints
from export.simulate.video.session import write_session

CAMERAS = (1, 2, 3, 4)
PRIORS_M = (1.55, 1.70, 1.85)
TABLE_HEAD = """\
| camera | poses | distance | mid-hip error, median (90 %) | 15 joints | by sound | prior 1.55 to 1.85 m | muted |
|---|---|---|---|---|---|---|---|"""  # noqa: E501


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera. distance_m: true, median. median_m, ninety_m: of the mid-hip's distance error.
    joints_m: mean error of 15 joints, median. shift_m, muted_shift_m: of the distance from the
    least to the greatest height prior, median. by_sound: share of the poses scaled by sound.
    """

    camera: int
    poses: int
    distance_m: float
    median_m: float
    ninety_m: float
    joints_m: float
    shift_m: float
    muted_shift_m: float
    by_sound: float

    def as_markdown(self) -> str:
        """The row of the table."""
        cells = (
            f"{self.camera}",
            f"{self.poses}",
            f"{self.distance_m:.2f} m",
            f"{100 * self.median_m:.1f} ({100 * self.ninety_m:.1f}) cm",
            f"{100 * self.joints_m:.1f} cm",
            f"{100 * self.by_sound:.0f} %",
            f"{100 * self.shift_m:.1f} cm",
            f"{100 * self.muted_shift_m:.1f} cm",
        )
        return f"| {' | '.join(cells)} |"


def measure_cameras(
    video: Path, lifter: LifterKind, *, seed: int = 1, sir_db: float = 13.0
) -> Iterator[CameraRow]:
    """Simulate the sound of each camera of the video and replay it five times: a row for each.

    lifter: geometric, ray or volume. Raises SessionError where the video cannot be read.
    """
    for camera in CAMERAS:
        with tempfile.TemporaryDirectory() as folder:
            session = Path(folder) / "session"
            write_session(video, camera, session, seed=seed, sir_db=sir_db)
            yield measure_camera(camera, session, LifterConfig(kind=lifter))


def measure_camera(camera: int, session: Path, lifter: LifterConfig) -> CameraRow:
    """Replay one session with three height priors, with sound and muted."""
    with_sound = [
        _replay(session, msgspec.structs.replace(lifter, height_prior_m=h), mute=False)
        for h in PRIORS_M
    ]
    muted = [
        _replay(session, msgspec.structs.replace(lifter, height_prior_m=h), mute=True)
        for h in (PRIORS_M[0], PRIORS_M[2])
    ]
    middle = with_sound[1]
    errors = np.array([abs(d - true) for _, d, true, _ in middle.values()])
    return CameraRow(
        camera=camera,
        poses=len(middle),
        distance_m=float(np.median([true for _, _, true, _ in middle.values()])),
        median_m=float(np.median(errors)),
        ninety_m=float(np.quantile(errors, 0.9)),
        joints_m=float(np.median([e for *_, e in middle.values()])),
        shift_m=_shift(with_sound[0], with_sound[2]),
        muted_shift_m=_shift(muted[0], muted[1]),
        by_sound=float(np.mean([p.scale_source == "sound" for p, *_ in middle.values()])),
    )


Poses = dict[int, tuple[LiftedPose, float, float, float]]


def _replay(session: Path, lifter: LifterConfig, mute: bool) -> Poses:
    """By frame: the pose of the session's first person, its mid-hip distance, the true one, and the
    joint error [m].
    """
    config = Config(
        DeviceConfig("first-light"),
        SourceConfig("replay", str(session), realtime=False),
        lifter=lifter,
    )
    plan = make_plan(config)
    loaded = plan.session
    if loaded is None or loaded.truth is None:
        raise SessionError(f"{session}: holds no truth to compare with")
    if mute:
        plan = replace(plan, session=replace(loaded, audio=np.zeros_like(loaded.audio)))
    poses: Poses = {}
    pipeline = Pipeline(config, plan.rig, plan.excitation)
    for e in replayed(pipeline, plan.open()):
        true = true_joints(loaded, e.frame)
        if true is None:
            continue
        for row, person, error in match_people(np.array([p.pose.joints for p in e.people]), true):
            if person == 0:
                pose, distance_m = e.people[row].pose, float(np.linalg.norm(true[0, MID_HIP]))
                poses[e.frame] = (pose, pose.mid_hip_distance_m, distance_m, error)
    return poses


def _shift(a: Poses, b: Poses) -> float:
    return float(np.median([b[f][1] - a[f][1] for f in a if f in b]))
