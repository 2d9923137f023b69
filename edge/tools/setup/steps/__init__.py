"""The steps of the setup in their order; a module a step."""

from edge.core.errors import ConfigError
from edge.tools.setup.step import SetupStep
from edge.tools.setup.steps.array import ArrayStep
from edge.tools.setup.steps.broker import BrokerStep
from edge.tools.setup.steps.calibrate import CalibrateStep
from edge.tools.setup.steps.camera import CameraStep
from edge.tools.setup.steps.loudspeaker import LoudspeakerStep
from edge.tools.setup.steps.mounting import MountingStep
from edge.tools.setup.steps.naming import NameStep
from edge.tools.setup.steps.page import PageStep
from edge.tools.setup.steps.picture import PictureStep
from edge.tools.setup.steps.sound import SoundStep
from edge.tools.setup.steps.start import StartStep
from edge.tools.setup.steps.trials import TrialStep

STEPS: tuple[SetupStep, ...] = (
    NameStep(),
    ArrayStep(),
    LoudspeakerStep(),
    CameraStep(),
    MountingStep(),
    BrokerStep(),
    PageStep(),
    SoundStep(),
    CalibrateStep(),
    PictureStep(),
    TrialStep(),
    StartStep(),
)


_MEASURED = ("array", "loudspeaker")  # what a calibration is measured with


def chosen(only: list[str]) -> tuple[SetupStep, ...]:
    """The steps of these names in their order, with the last, which writes; all without a name.
    Where what was calibrated may change, the calibration comes with it. Raises ConfigError.
    """
    names = [step.name for step in STEPS]
    if unknown := [name for name in only if name not in names]:
        raise ConfigError(f"--only {unknown[0]}: no such step, allowed: {', '.join(names)}")
    steps: list[SetupStep] = [s for s in STEPS if not only or s.name in only]
    if any(name in only for name in _MEASURED) and "calibrate" not in only:
        steps.append(CalibrateStep(if_needed=True))
    if STEPS[-1] not in steps:
        steps.append(STEPS[-1])
    return tuple(sorted(steps, key=lambda step: names.index(step.name)))
