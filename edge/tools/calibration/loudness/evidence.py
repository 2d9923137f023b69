"""What a calibration records for the loudness, on the device or from its takes."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from edge.core.calibration_file import LoudnessPart
from edge.core.config import Config
from edge.core.errors import ConfigError
from edge.core.profiles import ArrayProfile, load_array
from edge.sources.alsa.mixer import changed_volumes, read_volumes
from edge.tools.calibration.loudness.direct_level import DirectLevel, measure_direct
from edge.tools.calibration.loudness.judge import LoudnessEvidence
from edge.tools.calibration.places import ask, at_terminal
from edge.tools.calibration.takes import SoundTake, take_from_device

# By so much less is played a second time: what controls a gain gives itself away.
LOWER_DB = 12.0
_LOWEST_DBFS = -60.0
_SECONDS = 3.0
# An earlier result that is surer is kept where the new one agrees within so many sigma.
_AGREE = 2.0


def loudness_evidence(
    config: Config | None,
    takes: Sequence[SoundTake],
    facing_m: float | None,
    phone_dba: float | None,
    say: Callable[[str], None],
) -> LoudnessEvidence:
    """On the device (its takes say "device") it records once more at a lower level, and with
    `facing_m` the loudspeaker so far in front of the array, turned to it. Raises PosekernelError.
    """
    take, lower = takes[0], None
    on_device = config is not None and take.source == "device"
    if facing_m is not None and not on_device:
        raise ConfigError("--facing: only the real device can be recorded once more; give --config")
    facing = False
    if facing_m is not None and config is not None:
        if not at_terminal():
            raise ConfigError("--facing: somebody at a terminal is needed, to move the loudspeaker")
        ask(
            f"Put the loudspeaker {facing_m:g} m in front of the array, turned to it, and press "
            "Enter. "
        )
        x, y, z = (float(v) for v in take.rig.mics.mean(axis=0))
        say(f"recording {_SECONDS:g} s")
        take, facing = take_from_device(config, (x, y, z + facing_m), _SECONDS), True
    direct = _heard(take)
    if config is not None and on_device and config.excitation.level_dbfs - LOWER_DB > _LOWEST_DBFS:
        say(f"recording {_SECONDS:g} s, {LOWER_DB:g} dB lower")
        place = take.rig.speakers[0] if facing else None
        where = None if place is None else (float(place[0]), float(place[1]), float(place[2]))
        lower = lower_by(direct, _heard(take_from_device(_softer(config), where, _SECONDS)))
    rig, excitation, profile = take.rig, take.excitation, _profile(config)
    volumes = read_volumes(config.audio) if config is not None and on_device else ()
    return LoudnessEvidence(
        rig, excitation, profile, direct, facing, LOWER_DB, lower, phone_dba, volumes
    )


def surer(new: LoudnessPart | None, old: LoudnessPart | None) -> LoudnessPart | None:
    """The new loudness, or an earlier one that is surer and still agrees with it, at the same
    volumes of the mixer.
    """
    if new is None or old is None:
        return new or old
    if changed_volumes(old.volumes, new.volumes):
        return new
    apart = abs(new.dba_at_full_scale - old.dba_at_full_scale)
    agree = apart <= _AGREE * (new.sigma_db**2 + old.sigma_db**2) ** 0.5
    return old if agree and old.sigma_db < new.sigma_db else new


def _profile(config: Config | None) -> ArrayProfile | None:
    name = "" if config is None else config.calibration.array
    return load_array(name) if name else None


def _softer(config: Config) -> Config:
    level = config.excitation.level_dbfs - LOWER_DB
    return replace(config, excitation=replace(config.excitation, level_dbfs=level))


def _heard(take: SoundTake) -> DirectLevel | None:
    return measure_direct(take) if take.raw[:, list(take.map.mics)].any() else None


def lower_by(loud: DirectLevel | None, soft: DirectLevel | None) -> float | None:
    """By how much less the array received [dB]; None where that was drowned in noise."""
    if loud is None or soft is None or soft.snr_db < 6.0:
        return None
    return LOWER_DB + loud.at_1_m_db - soft.at_1_m_db
