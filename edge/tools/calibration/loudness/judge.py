"""From levels at the microphones to dB(A) at 1 m, with what is not known about it."""

import math
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from edge.core.calibration_file import LoudnessPart, Step, VolumePart
from edge.core.profiles import ArrayProfile
from edge.core.rig import Rig
from edge.sound.excitation import Excitation
from edge.sound.loudness import Loudness, spl_db
from edge.tools.calibration.loudness.direct_level import DirectLevel

# Of the loudspeaker's and each microphone's place, one axis, 1-sigma [m].
PLACE_M = 0.006
# A microphone's response in the band against that at 1 kHz, for which data sheets speak.
RESPONSE_DB = 0.5
# Calibrated phones and their apps agree with a sound level meter within so much (Kardous and Shaw,
# Journal of the Acoustical Society of America 135, 2014: the better ones within 2 dB).
PHONE_DB = 2.0
LEAST_SNR_DB = 6.0
STEADY_DB = 0.5  # more than that from period to period is no noise: a gain is at work
LINEAR_DB = 1.0
OVERLOAD_MARGIN_DB = 6.0
# By how much a room can seem quieter than the microphones' own noise: it is told for 20 Hz to
# 20 kHz, of which 2-7.5 kHz hold two thirds.
BELOW_OWN_NOISE_DB = 6.0
GOOD_DB = 1.5
_LEVEL = "loudness"


@dataclass(frozen=True, eq=False)
class LoudnessEvidence:
    """What was measured and is known. direct: None where the array did not hear the loudspeaker on
    its own clock. facing: whether it was turned to the array. lower_db: by how much less the array
    received of a signal that was `asked_db` lower; None where it was not tried. phone_dba: a
    reading 1 m in front of the loudspeaker, while the continuous excitation played. volumes: of the
    card's mixer, meanwhile.
    """

    rig: Rig
    excitation: Excitation
    profile: ArrayProfile | None
    direct: DirectLevel | None
    facing: bool = False
    asked_db: float = 0.0
    lower_db: float | None = None
    phone_dba: float | None = None
    volumes: tuple[VolumePart, ...] = ()


def judge_loudness(evidence: LoudnessEvidence) -> tuple[LoudnessPart | None, Step]:
    """How loud it is at 1 m; None where that cannot be known, and the step says why."""
    digital = Loudness(0.0, 0.0).dba(evidence.excitation)
    if evidence.phone_dba is not None:
        return _by_phone(evidence, digital)
    if why := unknown_because(evidence):
        remedy = (
            "read a phone's sound level meter 1 m in front of the loudspeaker while it plays, and "
            "give it with --phone-dba; till then loudness is a guess"
        )
        return None, Step(_LEVEL, "warning", f"not known: {why}", remedy)
    assert evidence.direct is not None
    assert evidence.profile is not None
    assert evidence.profile.sensitivity_dbfs is not None
    direct, sensitivity = evidence.direct, evidence.profile.sensitivity_dbfs
    turned_db, turned_sigma = (0.0, 0.3) if evidence.facing else aside(evidence.rig)
    full_scale = spl_db(direct.at_1_m_db, sensitivity.value) + turned_db
    mean_m = float(np.mean(direct.distance_m))
    sigma = math.sqrt(
        (sensitivity.tolerance_db / 3.0) ** 2
        + RESPONSE_DB**2
        + (8.7 * PLACE_M / mean_m) ** 2
        + (direct.near_db / 2.0) ** 2
        + turned_sigma**2
    )
    part = _part(evidence, full_scale, sigma, "array" if evidence.facing else "aside", digital)
    found = _words(part)
    if sigma <= GOOD_DB:
        return part, Step(_LEVEL, "ok", found)
    remedy = "calibrate with --facing, the loudspeaker turned to the array, or with --phone-dba"
    return part, Step(_LEVEL, "warning", found, remedy)


def unknown_because(evidence: LoudnessEvidence) -> str:
    """Why the array cannot tell how loud it is, "" where it can."""
    direct, profile = evidence.direct, evidence.profile
    if profile is None or profile.sensitivity_dbfs is None:
        whose = "this array" if profile is None else profile.title
        return f"the sensitivity of the microphones of {whose} is not known"
    if direct is None:
        return "the microphones did not hear the loudspeaker"
    if direct.clipped:
        return "the microphones' channels are clipped; turn the loudspeaker down"
    if direct.snr_db < LEAST_SNR_DB:
        by = f"only {direct.snr_db:.0f} dB" if direct.snr_db > 0.0 else "not"
        return (
            f"the direct sound is {by} above the noise; turn the loudspeaker up, or calibrate when "
            "it is quieter"
        )
    if direct.spread_db > STEADY_DB:
        return (
            f"the level changed by {direct.spread_db:.1f} dB while it was recorded; turn off what "
            "controls the gain"
        )
    if evidence.lower_db is not None and abs(evidence.lower_db - evidence.asked_db) > LINEAR_DB:
        return (
            f"a signal {evidence.asked_db:.0f} dB lower came back {evidence.lower_db:.1f} dB "
            "lower; turn off what controls the gain, or play less loud"
        )
    own, overload = profile.self_noise_dba, profile.overload_db_spl
    noise_dba = spl_db(direct.noise_dbfs, profile.sensitivity_dbfs.value)
    if own is not None and noise_dba < own.value - BELOW_OWN_NOISE_DB:
        return (
            f"the room seems to have {noise_dba:.0f} dB(A), less than the {own.value:.0f} dB(A) of "
            "the microphones' own noise; the capture gain is too low, set it to 0 dB"
        )
    digital = Loudness(0.0, 0.0).spl(evidence.excitation)
    heard = spl_db(digital + float(np.max(direct.gain_db)), profile.sensitivity_dbfs.value)
    if overload is not None and heard > overload.value - OVERLOAD_MARGIN_DB:
        return f"the microphones receive {heard:.0f} dB SPL and distort; turn the loudspeaker down"
    return ""


def aside(rig: Rig) -> tuple[float, float]:
    """By how many dB more a loudspeaker that looks where the camera looks sends forward than to the
    array, and the 1-sigma of that. A small driver in a case lies between a sphere and a cardioid,
    nearer to the sphere.
    """
    to_array = rig.mics.mean(axis=0) - rig.speakers[0]
    cosine = float(to_array[2] / max(float(np.linalg.norm(to_array)), 1e-9))
    strength = np.linspace(0.0, 0.7, 15)
    angle = np.arccos(cosine) + np.radians([-25.0, 0.0, 25.0])  # it may be aimed a little aside
    gain = (1.0 + strength[:, None] * np.cos(angle)) / (1.0 + strength[:, None])
    lost: Array = -20.0 * np.log10(np.maximum(gain, 0.1))
    return float(lost.mean()), float(lost.std())


def _by_phone(evidence: LoudnessEvidence, digital: float) -> tuple[LoudnessPart, Step]:
    assert evidence.phone_dba is not None
    room_db = _room_db(evidence)
    part = _part(evidence, evidence.phone_dba - room_db - digital, PHONE_DB, "phone", digital)
    return part, Step(_LEVEL, "ok", f"{_words(part)} (by the phone's reading)")


def _part(
    evidence: LoudnessEvidence, full_scale: float, sigma: float, method: str, digital: float
) -> LoudnessPart:
    x, loudness = evidence.excitation, Loudness(full_scale, sigma)
    return LoudnessPart(
        dba_at_full_scale=round(full_scale, 2),
        sigma_db=round(sigma, 2),
        method="phone" if method == "phone" else "array" if method == "array" else "aside",
        level_dbfs=round(20.0 * math.log10(float(np.abs(x.samples).max())), 2),
        dba=round(full_scale + digital, 2),
        spl_db=round(loudness.spl(x), 2),
        room_db=round(_room_db(evidence), 2),
        volumes=evidence.volumes,
    )


def _room_db(evidence: LoudnessEvidence) -> float:
    """What reverberation adds to the direct sound 1 m in front: late sound is the same all over."""
    direct = evidence.direct
    if direct is None:
        return 0.0
    at_1_m = direct.reverberation * direct.distance_m**-2
    turned_db = 0.0 if evidence.facing else aside(evidence.rig)[0]
    return 10.0 * math.log10(1.0 + float(np.median(at_1_m)) * 10.0 ** (-turned_db / 10.0))


def _words(part: LoudnessPart) -> str:
    soft = part.level_dbfs - 20.0
    return (
        f"{part.dba:.0f} dB(A) +- {part.sigma_db:.1f} at 1 m at {part.level_dbfs:.0f} dBFS, "
        f"{part.dba - 20.0:.0f} at {soft:.0f} dBFS; the room adds {part.room_db:.0f} dB"
    )
