"""The sound part of a calibration: from takes at the loudspeaker's places to measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array
from edge.core.calibration_file import SoundPart, Step
from edge.core.errors import ConfigError
from edge.tools.calibration.array_geometry import Geometry, check_geometry
from edge.tools.calibration.channels import (
    Channels,
    examine_channels,
    judge_channels,
    judge_raw_sound,
)
from edge.tools.calibration.geometry_steps import judge_geometry
from edge.tools.calibration.sample_clock import ClockDrift, judge_clock, mean_spectra, measure_clock
from edge.tools.calibration.takes import SoundTake
from edge.tools.calibration.time_of_flight import DirectSound, align, direct_sound, own_delay

LEAST_MICS = 3
LEVEL_LIMIT_DB = 6.0


@dataclass(frozen=True, eq=False)
class SoundResult:
    """What the takes show. geometry: None where a microphone is dead or there are too few.

    gain_db: (M,) of the microphones relative to their median. delay_s: from the loopback to the
    air, 0 where unknown. own_delay_s: the part of it that the loudspeaker's own resonances explain.
    """

    clock: ClockDrift
    channels: Channels
    geometry: Geometry | None
    gain_db: Array
    delay_s: float
    own_delay_s: float
    steps: tuple[Step, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults."""
        return tuple(s.fault for s in self.steps if s.fault)

    @property
    def next_sites_m(self) -> Array | None:
        """Places (S, 3) for the loudspeaker that decide what is open; None when all is decided."""
        return None if self.geometry is None else self.geometry.next_sites_m

    def as_part(self, takes: Sequence[SoundTake]) -> SoundPart:
        """For the calibration file; carried_hz and measured_hz are still unknown."""
        g, mics = self.geometry, list(takes[0].map.mics)
        return SoundPart(
            drift_ppm=round(float(np.nan_to_num(self.clock.drift_ppm)), 3),
            delay_s=round(self.delay_s, 8),
            gain_db=_rounded(self.gain_db),
            deviation_mm=() if g is None else _rounded(g.deviation_mm),
            level_dbfs=_rounded(self.channels.level_db[mics]),
            carried_hz=(0.0, 0.0),
            measured_hz=(0.0, 0.0),
            distance_mm=() if g is None else _rounded(1e3 * g.measured_m[0], 1),
            profile_mm=() if g is None else _rounded(1e3 * g.profile_m[0], 1),
            places=len(takes),
        )


def _rounded(values: Array, digits: int = 2) -> tuple[float, ...]:
    return tuple(round(float(v), digits) for v in values)


def examine_sound(takes: Sequence[SoundTake]) -> SoundResult:
    """Measure and judge. takes: one per place of the loudspeaker, the configured place first.

    Raises ConfigError where they do not fit together.
    """
    first = takes[0]
    if any(
        t.map != first.map or t.excitation.sample_rate_hz != first.excitation.sample_rate_hz
        for t in takes
    ):
        raise ConfigError(
            "the recordings have different channels or sample rates: all must come from one rig"
        )
    if any(t.excitation.band_hz != first.excitation.band_hz for t in takes):
        raise ConfigError(
            "the recordings have different bands: all must come from one configuration"
        )
    clock = measure_clock(first)
    mean, noise = mean_spectra(first, clock)
    channels = examine_channels(first, mean, noise)
    steps = [*judge_channels(channels, first.map), *judge_raw_sound(first), judge_clock(clock)]
    gain_db = np.zeros(len(first.map.mics))
    unchecked = ""
    if channels.dead:
        unchecked, remedy = "a channel is dead", "mend it and calibrate again"
    elif len(gain_db) < LEAST_MICS:
        unchecked = f"order and places need {LEAST_MICS} microphones, the rig has {len(gain_db)}"
        remedy = "measure them with a rule"
    if unchecked:
        steps.append(Step("places", "warning", f"not checked: {unchecked}", remedy))
        return SoundResult(clock, channels, None, gain_db, 0.0, 0.0, tuple(steps))
    reference = channels.loopback
    directs: list[DirectSound] = []
    speakers: list[Array] = []
    powers: list[Array] = []
    for take in takes:
        spectra = mean_spectra(take, measure_clock(take))[0]
        own = None if reference is None else spectra[reference]
        if own is not None:
            power = np.abs(spectra[list(take.map.mics)] / own) ** 2
            powers.append(np.mean(power / power.mean(axis=1, keepdims=True), axis=0))
        for s, speaker in enumerate(take.rig.speakers):
            directs.append(direct_sound(take, spectra[list(take.map.mics)], own, s))
            speakers.append(speaker)
    arrivals, template = align(directs)
    geometry = check_geometry(arrivals, first.rig, np.array(speakers), reference is not None)
    own_s = own_delay(first, np.mean(powers, axis=0), template) if powers else 0.0
    own_m = own_s * first.rig.speed_of_sound_m_s
    steps += judge_geometry(geometry, first.map, reference is not None, own_m)
    gain_db = _gains_db(directs, geometry)
    steps.append(_judge_gains(gain_db, first.map.mics))
    delay_s = 0.0 if reference is None else geometry.constant_m / first.rig.speed_of_sound_m_s
    return SoundResult(clock, channels, geometry, gain_db, delay_s, own_s, tuple(steps))


def _gains_db(directs: list[DirectSound], g: Geometry) -> Array:
    """Direct sound of each channel, corrected for distance, over the median; mean of places."""
    channel_of = np.argsort(g.order)
    distance = np.empty_like(g.profile_m)
    distance[:, channel_of] = g.profile_m
    level = np.array(
        [20.0 * np.log10(np.linalg.norm(d.spectra, axis=1) + 1e-12) for d in directs]
    ) + 20.0 * np.log10(distance)
    return np.asarray(np.mean(level - np.median(level, axis=1, keepdims=True), axis=0))


def _judge_gains(gain_db: Array, mics: tuple[int, ...]) -> Step:
    table = ", ".join(f"{g:+.1f}" for g in gain_db)
    worst = int(np.argmax(np.abs(gain_db)))
    if abs(gain_db[worst]) > LEVEL_LIMIT_DB:
        found = f"channel {mics[worst]} is {gain_db[worst]:+.1f} dB from the others"
        remedy = "see whether something covers that microphone; posekernel run evens it out"
        return Step("levels", "warning", f"{found} (all: {table} dB)", remedy)
    return Step("levels", "ok", f"microphones alike: {table} dB")
