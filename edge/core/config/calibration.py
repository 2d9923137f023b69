"""The configuration's section [calibration]."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CalibrationConfig:
    """file: what `posekernel calibrate` wrote, "" = not calibrated. array: name of the microphone
    array, to tell arrays apart.
    """

    file: str = ""
    array: str = ""
