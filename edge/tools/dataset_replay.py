"""Replays a dataset folder: it holds pose kernels and 2D joints, so only the lifter runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.core.config import Config
from edge.core.errors import PosekernelError
from edge.core.inference.execution import execution
from edge.core.pose import N_JOINTS, FrameEstimate, LiftedPose, PairsUsed, PersonEstimate
from edge.core.rig import Camera
from edge.lifting.lifter import make_lifter
from edge.output.messages.payloads import pose_message
from edge.sensor.process.console import Console
from edge.sound.pose_kernel import analytic_signal, make_kernels
from edge.sources.session.dataset import Sample, find_environments, require_environments


def is_dataset(path: Path) -> bool:
    """True where `path` is an environment folder or holds some."""
    return bool(find_environments(path))


def replay_dataset(path: Path, config: Config, console: Console) -> int:
    """Lift everybody of every sample and print them with their error; damaged samples are named and
    counted.

    Returns the number of poses. Raises ConfigError where there is no environment.
    """
    lift = make_lifter(config.lifter, execution(config))
    samples = poses = skipped = 0
    errors: list[float] = []
    for environment in require_environments(path):
        rate, band = environment.sample_rate_hz, environment.band_hz
        pairs = len(environment.rig.pairs)
        for sample in environment:
            kernels = make_kernels(analytic_signal(sample.rir, rate, band), rate, band)
            try:
                lifted = lift(sample.keypoints, kernels, environment.rig)
                why = "too few joints seen"
            except PosekernelError as e:
                lifted, why = [], str(e)
            people, off = _people(lifted, sample, environment.rig.camera)
            if not people:
                environment.skipped[f"{environment.path.name}/{sample.name}"] = why
                continue
            samples += 1
            poses += len(people)
            errors += off
            estimate = FrameEstimate(
                sequence=samples,
                frame=samples - 1,
                t_ns=0,
                utc_ns=0,
                people=people,
                more=len(lifted) - len(people),
                skew_ms=None,
                latency_ms=None,
                source="simulated" if sample.info.get("source") == "simulated" else "recorded",
                pairs=PairsUsed(pairs, pairs),
            )
            message = pose_message(estimate, config.device.id) | {
                "sample": f"{environment.path.name}/{sample.name}"
            }
            console.pose(estimate, message, float(np.mean(off)))
        for name, why in environment.skipped.items():
            console.say(f"skipped {name}: {why}")
        skipped += len(environment.skipped)
    median = f", median error {100 * float(np.median(errors)):.1f} cm" if errors else ""
    console.say(f"{samples} samples, {poses} poses, {skipped} skipped{median}")
    return poses


def _people(
    lifted: Sequence[LiftedPose | None], sample: Sample, camera: Camera
) -> tuple[tuple[PersonEstimate, ...], list[float]]:
    """Those that were lifted, by their row from 1, and the mean error of each one's joints [m]."""
    people, errors = [], []
    for row, pose in enumerate(lifted):
        if pose is not None:
            room = None if camera.height_m is None else camera.to_room(pose.joints)
            people.append(PersonEstimate(row + 1, pose, room, "present"))
            off = np.linalg.norm(pose.joints - sample.joints[row, :N_JOINTS], axis=1)
            errors.append(float(np.nanmean(off)))
    return tuple(people), errors
