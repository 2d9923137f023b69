"""What every raw channel is: the loopback, a microphone or a dead one; its frequency response."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Complex128Array
from edge.core.calibration_file import ResponsePart, Step
from edge.core.contracts import ChannelMap
from edge.sound.health.fault_words import in_words
from edge.sound.health.microphone_health import MicrophoneHealth
from edge.tools.calibration.sample_clock import band_bins
from edge.tools.calibration.takes import SoundTake

# A loopback is below this when a delayed copy of the excitation is subtracted; a microphone beside
# the loudspeaker is at -24 dB.
LOOPBACK_RESIDUAL_DB = -32.0
# A microphone so far below the others is dead: it carries only crosstalk of its neighbours.
DEAD_LEVEL_DB = -26.0
DEAD_SNR_DB = 0.0
CARRIED_SNR_DB = 10.0
CARRIED_LEVEL_DB = -30.0
SNR_LIMIT_DB = 15.0
NEAR_ULTRASOUND_HZ = (17000.0, 21000.0)
_UPSAMPLING = 8


@dataclass(frozen=True, eq=False)
class Channels:
    """C raw channels and the M microphones among them. residual_db: (C,) the part of a channel that
    is no delayed copy of the excitation. level_db: (C,) in the band, dB of full scale. snr_db: (C,)
    of one period. loopback: the channel that is a copy of the excitation, None without one. dead:
    microphones, by number in the rig. bands_hz (B, 2), response_db (M, B) relative to each
    microphone's mean, band_snr_db (M, B): third octaves.
    """

    residual_db: Array
    level_db: Array
    snr_db: Array
    loopback: int | None
    dead: tuple[int, ...]
    bands_hz: Array
    response_db: Array
    band_snr_db: Array

    @property
    def carried_hz(self) -> tuple[float, float]:
        """The widest band [Hz] of third octaves that every microphone carries, but for dead ones;
        (0, 0) when there is none.
        """
        alive = [m for m in range(len(self.response_db)) if m not in self.dead]
        good = (self.band_snr_db[alive] > CARRIED_SNR_DB) & (
            self.response_db[alive] > CARRIED_LEVEL_DB
        )
        best, start = (0, 0), 0
        flags = [bool(good[:, b].all()) and len(alive) > 0 for b in range(good.shape[1])] + [False]
        for i, flag in enumerate(flags):
            if not flag:
                best, start = max(best, (start, i), key=lambda r: r[1] - r[0]), i + 1
        return (
            (float(self.bands_hz[best[0], 0]), float(self.bands_hz[best[1] - 1, 1]))
            if best[1] > best[0]
            else (0.0, 0.0)
        )

    @property
    def response(self) -> ResponsePart:
        """For the calibration file."""
        bands = tuple((round(float(low), 1), round(float(high), 1)) for low, high in self.bands_hz)
        levels = tuple(tuple(round(float(x), 1) for x in row) for row in self.response_db)
        return ResponsePart(bands, levels)


def examine_channels(take: SoundTake, mean: Complex128Array, noise: Array) -> Channels:
    """Measure all channels. mean, noise: (C, B) from `mean_spectra`."""
    n, bins = take.excitation.period_samples, band_bins(take)
    x = np.asarray(take.excitation.spectrum[bins], np.complex128)
    residual = np.array([_residual_db(y, x, bins, n) for y in mean])
    scale = np.sqrt(2.0) / n
    power, noise_power = np.sum(np.abs(mean) ** 2, axis=1), np.sum(noise**2, axis=1)
    level = 10.0 * np.log10(scale**2 * power + 1e-30)
    snr = 10.0 * np.log10((power + 1e-30) / (noise_power + 1e-30 * n))
    loopbacks = np.flatnonzero(residual < LOOPBACK_RESIDUAL_DB)
    loopback = int(loopbacks[np.argmin(residual[loopbacks])]) if len(loopbacks) else None
    mics = list(take.map.mics)
    usual = float(np.median(level[mics]))
    dead = tuple(
        i for i, c in enumerate(mics) if level[c] < usual + DEAD_LEVEL_DB or snr[c] < DEAD_SNR_DB
    )
    bands, response, band_snr = _third_octaves(take, mean[mics], noise[mics], x, bins)
    return Channels(residual, level, snr, loopback, dead, bands, response, band_snr)


def _residual_db(
    y: Complex128Array, x: Complex128Array, bins: npt.NDArray[np.int64], n: int
) -> float:
    """Level [dB] relative to y of y less the best delayed and scaled copy of x."""
    if not np.any(y):
        return 0.0
    cross = np.zeros(_UPSAMPLING * n, np.complex128)
    cross[bins] = np.conj(x) * y
    peak = int(np.argmax(np.abs(np.fft.ifft(cross))))
    lags = (peak + np.arange(-1.0, 1.01, 0.02)) / _UPSAMPLING
    found = np.abs(np.exp(2j * np.pi / n * lags[:, None] * bins) @ (np.conj(x) * y)).max()
    share = found**2 / (np.sum(np.abs(x) ** 2) * np.sum(np.abs(y) ** 2))
    return float(10.0 * np.log10(max(1.0 - share, 1e-12)))


def _third_octaves(
    take: SoundTake,
    mean: Complex128Array,
    noise: Array,
    x: Complex128Array,
    bins: npt.NDArray[np.int64],
) -> tuple[Array, Array, Array]:
    frequency = bins * take.excitation.sample_rate_hz / take.excitation.period_samples
    edges = [float(frequency[0])]
    while edges[-1] < frequency[-1]:
        edges.append(min(edges[-1] * 2.0 ** (1.0 / 3.0), float(frequency[-1]) + 1e-6))
    bands = np.array(list(pairwise(edges)))
    response, snr = np.empty((len(mean), len(bands))), np.empty((len(mean), len(bands)))
    for b, (low, high) in enumerate(bands):
        inside = (frequency >= low) & (frequency < high)
        gain = np.mean(np.abs(mean[:, inside]) ** 2 / np.abs(x[inside]) ** 2, axis=1)
        response[:, b] = 10.0 * np.log10(gain + 1e-30)
        snr[:, b] = 10.0 * np.log10(
            (np.mean(np.abs(mean[:, inside]) ** 2, axis=1) + 1e-30)
            / (np.mean(noise[:, inside] ** 2, axis=1) + 1e-30)
        )
    return bands, response - response.mean(axis=1, keepdims=True), snr


def judge_channels(channels: Channels, map: ChannelMap) -> list[Step]:
    """Dead channels, levels, and which channel is the loopback."""
    return [_judge_microphones(channels, map), _judge_loopback(channels, map)]


def _judge_microphones(channels: Channels, map: ChannelMap) -> Step:
    levels = ", ".join(f"{channels.level_db[c]:.0f}" for c in map.mics)
    if channels.dead:
        numbers = [map.mics[m] for m in channels.dead]
        found = (
            f"{numbered(numbers)} {'is' if len(numbers) == 1 else 'are'} dead "
            f"(microphones' levels: {levels} dBFS)"
        )
        remedy = "check the cable, the firmware and audio.mic_channels"
        return Step("channels", "fault", found, remedy, "dead")
    weakest = min(float(channels.snr_db[c]) for c in map.mics)
    found = (
        f"all {len(map.mics)} microphones hear the loudspeaker "
        f"({levels} dBFS, at least {weakest:.0f} dB over noise)"
    )
    if weakest < SNR_LIMIT_DB:
        remedy = "turn the loudspeaker up, or calibrate when it is quieter"
        return Step("channels", "warning", found, remedy)
    return Step("channels", "ok", found)


def _judge_loopback(channels: Channels, map: ChannelMap) -> Step:
    found, configured = channels.loopback, map.reference
    if configured is None and found is None:
        text = "no channel is a loopback: the time of emission is unknown, only differences of"
        return Step("reference", "ok", f"{text} distance are")
    if configured is None:
        text = f"channel {found} is a loopback that the configuration does not use"
        remedy = f"set audio.reference_channel = {found}: then distances do not depend on"
        return Step("reference", "warning", text, f"{remedy} the converters' delay")
    residual_db = channels.residual_db[configured]
    if found == configured or residual_db < LOOPBACK_RESIDUAL_DB:
        text = f"channel {configured} is the loopback ({residual_db:.0f} dB of anything else)"
        return Step("reference", "ok", text)
    if found is None:
        text = f"channel {configured} is no loopback: {residual_db:.0f} dB of it are not the"
        remedy = "set audio.reference_channel = -1, or flash the firmware that has one"
        return Step("reference", "fault", f"{text} excitation", remedy, "reference")
    text = f"the loopback is channel {found}, not {configured}"
    remedy = f"set audio.reference_channel = {found}"
    return Step("reference", "fault", text, remedy, "reference")


def judge_response(channels: Channels, measured_hz: tuple[float, float]) -> Step:
    """What band the hardware carries, and whether near-ultrasound is in it."""
    low, high = channels.carried_hz
    from_hz, to_hz = measured_hz
    if high == 0.0:
        found = f"no third octave between {from_hz:.0f} and {to_hz:.0f} Hz is carried by every"
        remedy = "turn the loudspeaker up, or see what covers the microphones"
        return Step("response", "fault", f"{found} microphone", remedy, "response")
    found = (
        f"every microphone carries {low:.0f} to {high:.0f} Hz "
        f"(measured {from_hz:.0f} to {to_hz:.0f} Hz)"
    )
    if high >= NEAR_ULTRASOUND_HZ[1]:
        return Step("response", "ok", f"{found}: near-ultrasound is allowed")
    why = "was not measured" if to_hz < NEAR_ULTRASOUND_HZ[1] else "is not carried"
    return Step("response", "ok", f"{found}: near-ultrasound {why}, and such a band is refused")


def numbered(channels: list[int]) -> str:
    """As "channel 3" or "channels 1, 2 and 4"."""
    if len(channels) == 1:
        return f"channel {channels[0]}"
    return "channels " + ", ".join(map(str, channels[:-1])) + f" and {channels[-1]}"


# The averaged spectra tell a dead channel better: `channels` names it.
_TOLD_ELSEWHERE = ("silent",)


def judge_raw_sound(take: SoundTake) -> list[Step]:
    """A step for each fault; none where all is well."""
    x = take.excitation
    health = MicrophoneHealth(take.rig, x.period_samples / x.sample_rate_hz, x.sample_rate_hz)
    for period in take.raw:
        reference = None if take.map.reference is None else period[take.map.reference]
        health(np.ascontiguousarray(period[list(take.map.mics)]), None, reference)
    problems = [
        (f, in_words(f, take.map.mics, take.map.reference))
        for f in health.faults
        if f.kind not in _TOLD_ELSEWHERE
    ]
    return [
        Step(
            "microphones",
            "fault" if fault.spoils else "warning",
            f"{problem.what}; likely cause: {problem.cause}",
            problem.remedy,
            fault.kind if fault.spoils else "",
        )
        for fault, problem in problems
    ]
