"""`posekernel-export first-light`: how far the distance of a real person is off, by sound and
without, on real frames.
"""

import argparse
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.core.config import Config, DeviceConfig, LifterConfig, SourceConfig
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP, PoseEstimate
from edge.sensor.pipeline import Pipeline
from edge.sensor.run import make_plan, true_joints, truth_error_m
from export.commands.session import write_session

PRIORS_M = (1.55, 1.70, 1.85)


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera. Errors and shifts in metres; by_sound: share of the poses."""

    camera: int
    poses: int
    distance_m: float
    median_m: float
    ninety_m: float
    joints_m: float
    shift_m: float
    muted_shift_m: float
    by_sound: float


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "first-light", help="distance errors on the calibrated video, by sound and muted"
    )
    parser.add_argument(
        "--video",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with Calib.qca.txt, camNN.mp4, joints",
    )
    parser.add_argument("--lifter", choices=("geometric", "ray", "volume"), default="geometric")
    parser.add_argument(
        "--seed", type=int, default=1, help="of room, clothes and noise (default 1)"
    )
    parser.add_argument(
        "--sir", type=float, default=13.0, metavar="DB", help="signal to interference (default 13)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate each camera's sound, replay it six times, print the table as markdown; 0 when done."""
    print(
        "| camera | poses | distance | mid-hip error, median (90 %) | 15 joints | by sound | prior 1.55 to 1.85 m | muted |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for camera in (1, 2, 3, 4):
        with tempfile.TemporaryDirectory() as folder:
            session = Path(folder) / "session"
            write_session(args.video, camera, session, seed=args.seed, sir_db=args.sir)
            r = measure(camera, session, LifterConfig(kind=args.lifter))
        print(
            f"| {r.camera} | {r.poses} | {r.distance_m:.2f} m | {100 * r.median_m:.1f} ({100 * r.ninety_m:.1f}) cm | "
            f"{100 * r.joints_m:.1f} cm | {100 * r.by_sound:.0f} % | {100 * r.shift_m:.1f} cm | {100 * r.muted_shift_m:.1f} cm |",
            flush=True,
        )
    return 0


def measure(camera: int, session: Path, lifter: LifterConfig) -> CameraRow:
    """Replay one session under three height priors, heard and muted."""
    heard = [_replay(session, replace(lifter, height_prior_m=h), mute=False) for h in PRIORS_M]
    muted = [
        _replay(session, replace(lifter, height_prior_m=h), mute=True)
        for h in (PRIORS_M[0], PRIORS_M[2])
    ]
    middle = heard[1]
    errors = np.array([abs(d - true) for _, d, true, _ in middle.values()])
    return CameraRow(
        camera=camera,
        poses=len(middle),
        distance_m=float(np.median([true for _, _, true, _ in middle.values()])),
        median_m=float(np.median(errors)),
        ninety_m=float(np.quantile(errors, 0.9)),
        joints_m=float(np.median([e for *_, e in middle.values()])),
        shift_m=_shift(heard[0], heard[2]),
        muted_shift_m=_shift(muted[0], muted[1]),
        by_sound=float(np.mean([e.pose.scale_source == "sound" for e, *_ in middle.values()])),
    )


Poses = dict[int, tuple[PoseEstimate, float, float, float]]


def _replay(session: Path, lifter: LifterConfig, mute: bool) -> Poses:
    """By frame: the pose, its mid-hip distance, the true one [m], the mean error of the joints [m]."""
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
    source = plan.open()
    for e in Pipeline(config, plan.rig, plan.excitation).offline(
        source, threading.Event(), lambda _: None
    ):
        true, error = true_joints(loaded, e), truth_error_m(loaded, e)
        if true is None or error is None:
            continue
        poses[e.frame] = (e, e.pose.mid_hip_distance_m, float(np.linalg.norm(true[MID_HIP])), error)
    source.close()
    return poses


def _shift(a: Poses, b: Poses) -> float:
    return float(np.median([b[f][1] - a[f][1] for f in a if f in b]))
