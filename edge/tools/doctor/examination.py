"""All checks of `posekernel doctor` in their order; those of the Python packages come before."""

from contextlib import suppress
from pathlib import Path

from edge.core.config import load_config
from edge.core.errors import PosekernelError
from edge.tools.doctor import camera_package, devices, installation, settings
from edge.tools.doctor.finding import Check, Finding, Scope

CHECKS: tuple[Check, ...] = (
    installation.models,
    installation.compiler_cache,
    settings.configuration,
    settings.networks,
    settings.calibration,
    settings.loudness,
    installation.poses,
    settings.state,
    settings.camera_height,
    camera_package.picamera2,
    devices.session,
    devices.sound_card_and_camera,
    devices.broker,
)


def examine(
    config_path: Path | None, hardware: bool = True, self_test: bool = False
) -> list[Finding]:
    """Run every check that applies; a check that fails never hides the next one.

    hardware False: skip sound card and camera. self_test: measure the poses of the shipped session,
    too.
    """
    config = None
    with suppress(PosekernelError):  # settings.configuration says why
        config = None if config_path is None else load_config(config_path)
    scope = Scope(config_path, config, hardware, self_test)
    return [finding for check in CHECKS for finding in check(scope)]
