"""Applies a calibration file: checks that it fits the rig, and gives the camera's intrinsics and
mounting, the corrections for deconvolution and the loudness.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.calibration_file import Calibration, load_calibration
from edge.core.config import Config
from edge.core.contracts import ChannelMap, SourceKind
from edge.core.errors import ConfigError
from edge.core.profiles import load_array
from edge.core.rig import Camera, Rig
from edge.sound.deconvolution import Correction
from edge.sound.excitation import Excitation
from edge.sound.loudness import NOMINAL, Loudness, LoudnessSource
from edge.sources.alsa.mixer import changed_volumes, read_volumes

SAME_MIC_M = 0.002
SAME_SPEAKER_M = 0.02
# What to do about `volumes_changed`.
VOLUMES_REMEDY = (
    "levels in dB SPL and dB(A) do not hold any more: set the mixer as it was (alsamixer), or "
    "calibrate again"
)
CARRIED_SHARE = 0.7  # of the excitation's band that the hardware must carry


def apply_calibration(
    config: Config, rig: Rig, excitation: Excitation, map: ChannelMap, kind: SourceKind
) -> tuple[Rig, Correction]:
    """The rig with the calibration applied, and what deconvolution must correct; unchanged without
    calibration.file. Raises ConfigError.

    map: the source's raw channels. kind: where the data will come from.
    """
    if not config.calibration.file:
        return rig, Correction()
    path = Path(config.calibration.file)
    calibration = load_calibration(path)
    if problem := misfit(calibration, config.calibration.array, rig, excitation, map, kind):
        raise ConfigError(
            f"{path}: {problem}; calibrate this rig (posekernel calibrate), "
            "or clear calibration.file"
        )
    rig = replace(rig, camera=calibrated_camera(calibration, rig.camera))
    if config.zones and rig.camera.height_m is None:
        raise ConfigError(
            f"zones: they lie on the floor, but neither rig.camera.height_m nor {path} tells the "
            "camera's height; measure it, or calibrate with --walk or --floor"
        )
    if calibration.sound is None:
        return rig, Correction()
    gains = tuple(10.0 ** (g / 20.0) for g in calibration.sound.gain_db)
    return rig, Correction(calibration.sound.delay_s, gains)


def loudness_of(config: Config) -> Loudness:
    """What the loudspeaker makes of a digital level, by the calibration; NOMINAL where it was never
    found. Raises ConfigError.
    """
    if not config.calibration.file:
        return NOMINAL
    part = load_calibration(Path(config.calibration.file)).loudness
    if part is None:
        return NOMINAL
    source: LoudnessSource = "phone" if part.method == "phone" else "measured"
    return Loudness(part.dba_at_full_scale, part.sigma_db, source)


def volumes_changed(config: Config) -> str:
    """How the sound card's mixer is set otherwise than when the loudness was measured, "" where it
    is not, or that is not known. Raises ConfigError.
    """
    if config.source.kind != "device" or not config.calibration.file:
        return ""
    part = load_calibration(Path(config.calibration.file)).loudness
    if part is None or not part.volumes:
        return ""
    return changed_volumes(part.volumes, read_volumes(config.audio))


def sensitivity_of(config: Config) -> float | None:
    """Level of the microphones' channels at 94 dB SPL [dBFS] by the array's profile, None where it
    is not known. Raises ConfigError for an unknown array.
    """
    if not config.calibration.array:
        return None
    level = load_array(config.calibration.array).sensitivity_dbfs
    return None if level is None else level.value


def misfit(
    c: Calibration, array: str, rig: Rig, excitation: Excitation, map: ChannelMap, kind: SourceKind
) -> str:
    """Why the calibration must not be used here, "" when it fits."""
    bad = [s for s in c.steps if s.outcome == "fault"]
    if bad:
        return f"it found a fault ({bad[0].name}: {bad[0].found}); mend it first"
    if kind == "device" and c.source == "simulated":
        return "it was made from a simulation, but this is a real device"
    if array and c.rig.array and array != c.rig.array:
        return f"it is for the array {c.rig.array}, but calibration.array is {array}"
    if c.rig.sample_rate_hz != excitation.sample_rate_hz:
        rates = c.rig.sample_rate_hz, excitation.sample_rate_hz
        return f"it was made at {rates[0]} Hz, but the sample rate is {rates[1]} Hz"
    if len(c.rig.mics_m) != len(rig.mics):
        return f"it is for {len(c.rig.mics_m)} microphones, but the rig has {len(rig.mics)}"
    then = (c.rig.channels, c.rig.mic_channels, c.rig.reference_channel)
    here = (map.channels, map.mics, -1 if map.reference is None else map.reference)
    # `posekernel record` keeps only the channels that are used: a recording's numbers are its own.
    if kind != "recorded" and then != here:
        return (
            f"it is for microphones on channels {list(then[1])} and the loopback on {then[2]} of "
            f"{then[0]} channels, but here they are {list(here[1])} and {here[2]} of {here[0]}"
        )
    if (moved := _farthest(np.array(c.rig.mics_m), rig.mics)) > SAME_MIC_M:
        return f"a microphone is {1000 * moved:.0f} mm from where it was then, by rig.mics_m"
    if len(c.rig.speakers_m) != len(rig.speakers):
        return (
            f"it is for {len(c.rig.speakers_m)} loudspeakers, but the rig has {len(rig.speakers)}"
        )
    if (moved := _farthest(np.array(c.rig.speakers_m), rig.speakers)) > SAME_SPEAKER_M:
        return f"the loudspeaker is {1000 * moved:.0f} mm from where it was then, by rig.speakers_m"
    if c.sound is not None:
        (low, high), (first, last) = excitation.band_hz, c.sound.carried_hz
        share = max(0.0, min(high, last) - max(low, first)) / (high - low)
        if share < CARRIED_SHARE:
            return (
                f"the hardware carries {first:.0f} to {last:.0f} Hz, "
                f"but excitation.band_hz is [{low:g}, {high:g}]"
            )
    i = c.intrinsics
    if i is not None and (i.width, i.height) != (rig.camera.width, rig.camera.height):
        return (
            f"its camera gave {i.width} x {i.height} pixels, "
            f"but here it gives {rig.camera.width} x {rig.camera.height}"
        )
    return ""


def calibrated_camera(c: Calibration, camera: Camera) -> Camera:
    """The camera with the intrinsics and the mounting that a calibration holds."""
    if (i := c.intrinsics) is not None:
        camera = replace(camera, fx=i.fx, fy=i.fy, cx=i.cx, cy=i.cy, distortion=i.distortion)
    if (m := c.mounting) is not None:
        camera = replace(camera, height_m=m.height_m, tilt_deg=m.tilt_deg, roll_deg=m.roll_deg)
    return camera


def _farthest(a: Array, b: Array) -> float:
    """Largest distance [m] between points (N, 3) of the same row."""
    return float(np.linalg.norm(a - b, axis=1).max())
