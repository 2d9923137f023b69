"""Replays a dataset folder: it holds pose kernels and 2D joints, so only the lifter runs."""

from pathlib import Path

import numpy as np

from edge.core.config import Config
from edge.core.errors import PosekernelError
from edge.core.inference.execution import execution
from edge.core.pose import PairsUsed, PoseEstimate
from edge.lifting.lifter import make_lifter
from edge.output.messages.payloads import pose_message
from edge.sensor.console import Console
from edge.sound.pose_kernel import analytic_signal, make_kernels
from edge.sources.session.dataset import find_environments, require_environments


def is_dataset(path: Path) -> bool:
    """True where `path` is an environment folder or holds some."""
    return bool(find_environments(path))


def replay_dataset(path: Path, config: Config, console: Console) -> int:
    """Lift every sample and print it with its error; damaged samples are named and counted.

    Returns the number of poses. Raises ConfigError where there is no environment.
    """
    lift = make_lifter(config.lifter, execution(config))
    poses, errors, skipped = 0, [], 0
    for environment in require_environments(path):
        rate, band = environment.sample_rate_hz, environment.band_hz
        for sample in environment:
            kernels = make_kernels(analytic_signal(sample.rir, rate, band), rate, band)
            try:
                pose, why = lift(sample.keypoints, kernels, environment.rig), "too few joints seen"
            except PosekernelError as e:
                pose, why = None, str(e)
            if pose is None:
                environment.skipped[f"{environment.path.name}/{sample.name}"] = why
                continue
            poses += 1
            errors.append(
                float(np.nanmean(np.linalg.norm(pose.joints - sample.joints[:15], axis=1)))
            )
            camera = environment.rig.camera
            room = None if camera.height_m is None else camera.to_room(pose.joints)
            estimate = PoseEstimate(
                poses,
                poses - 1,
                0,
                0,
                pose,
                room,
                1,
                None,
                None,
                "simulated" if sample.info.get("source") == "simulated" else "recorded",
                pairs=PairsUsed(len(environment.rig.pairs), len(environment.rig.pairs)),
            )
            message = pose_message(estimate, config.device.id) | {
                "sample": f"{environment.path.name}/{sample.name}"
            }
            console.pose(estimate, message, errors[-1])
        for name, why in environment.skipped.items():
            console.say(f"skipped {name}: {why}")
        skipped += len(environment.skipped)
    median = f", median error {100 * float(np.median(errors)):.1f} cm" if errors else ""
    console.say(f"{poses} samples, {skipped} skipped{median}")
    return poses
