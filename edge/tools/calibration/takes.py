"""Raw sound of every channel while the loudspeaker stands in one place."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.config import Config, make_rig
from edge.core.config.geometry import Vector
from edge.core.contracts import ChannelMap, SourceKind
from edge.core.errors import ConfigError, DeviceError, EndOfStreamError, SessionError
from edge.core.rig import Rig
from edge.sound.excitation import Excitation, make_excitation
from edge.sources.alsa.source import AlsaAudio
from edge.sources.session.reader import Session, load_session
from edge.sources.session.writer import CONTINUOUS

# Shorter recordings do not average enough, and tell no drift.
LEAST_PERIODS = 8
_SETTLING_PERIODS = 5
_SILENCE_S = 5.0


@dataclass(frozen=True, eq=False)
class SoundTake:
    """One recording of all channels. raw: (K, C, N) float32, full scale 1, periods of N samples
    that begin with the excitation. starts: (K,) first sample of each period, counted by the capture
    clock; None where it is not known, as in a recorded session. rig: positions as measured by hand,
    camera frame; only its speakers differ from take to take.
    """

    raw: FloatArray
    starts: npt.NDArray[np.int64] | None
    rig: Rig
    excitation: Excitation
    map: ChannelMap
    source: SourceKind
    description: str = ""


def take_from_session(path: Path) -> SoundTake:
    """All good periods of a recorded session, or those of its empty part where it has one.

    Raises SessionError.
    """
    session = load_session(path)
    return _take(session, _usable(session))


def _usable(session: Session) -> list[int]:
    empty_ns = session.empty_until_s * 1e9
    sounding = np.flatnonzero(session.sounding == CONTINUOUS).tolist()
    good = [k for k in sounding if k not in session.faults]
    empty = [k for k in good if session.audio_times_ns[k] + session.period_ns <= empty_ns]
    chosen = empty if len(empty) >= LEAST_PERIODS else good
    if len(chosen) < LEAST_PERIODS:
        raise SessionError(
            f"{session.path}: {len(chosen)} good periods, but {LEAST_PERIODS} are needed; "
            f"record at least {LEAST_PERIODS * session.period_ns / 1e9 + 1:.0f} s"
        )
    return chosen


def _take(session: Session, periods: list[int]) -> SoundTake:
    n, rate = session.excitation.period_samples, session.excitation.sample_rate_hz
    raw = np.stack([session.audio[k * n : (k + 1) * n].T for k in periods]).astype(np.float32)
    starts = None
    # A device cuts its periods anew when they drift; the times in its recording are too coarse to
    # show by how much.
    if session.source == "simulated":
        starts = np.round(session.audio_times_ns[periods] * (rate / 1e9)).astype(np.int64)
    channel_map = ChannelMap(session.channels, session.mic_channels, session.reference_channel)
    return SoundTake(
        raw / np.float32(32768),
        starts,
        session.rig,
        session.excitation,
        channel_map,
        session.source,
        session.path.name,
    )


def take_from_device(config: Config, speaker_m: Vector | None, seconds: float) -> SoundTake:
    """Play and record on the real device; all channels, also those that are not configured.

    speaker_m: where the loudspeaker stands now, None: as configured. Raises ConfigError or
    DeviceError.
    """
    if config.source.kind != "device":
        raise ConfigError(
            f'source.kind: found {config.source.kind!r}, but only a "device" can be calibrated; '
            "or give --session"
        )
    rig, x, audio = make_rig(config), config.excitation, config.audio
    if speaker_m is not None:
        rig = replace(rig, speakers=np.array([speaker_m], np.float64))
    excitation = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
    raw, starts = record_all(config, excitation, seconds)
    reference = None if audio.reference_channel < 0 else audio.reference_channel
    channel_map = ChannelMap(audio.channels, audio.mic_channels, reference)
    return SoundTake(
        raw, starts, rig, excitation, channel_map, "device", f"{config.device.id}, {audio.capture}"
    )


def record_all(
    config: Config, excitation: Excitation, seconds: float
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Good periods (K, C, N) of every capture channel and their first samples (K,).

    Raises DeviceError.
    """
    audio, rig = config.audio, make_rig(config)
    everything = msgspec.structs.replace(
        audio, mic_channels=tuple(range(audio.channels)), reference_channel=-1
    )
    # With all channels in one place, periods are cut on the channel that hears best.
    centre = rig.mics.mean(axis=0)
    at_centre = np.tile(centre, (audio.channels, 1))
    pairs = np.stack([np.zeros(audio.channels, np.int64), np.arange(audio.channels)], axis=1)
    device = AlsaAudio(
        everything,
        excitation,
        Rig(rig.speakers, at_centre, pairs, rig.camera, rig.speed_of_sound_m_s),
    )
    periods: list[FloatArray] = []
    starts: list[int] = []
    skipped, last_fault, end = 0, "", time.monotonic() + seconds + _SILENCE_S
    wanted = max(
        LEAST_PERIODS, round(seconds * excitation.sample_rate_hz / excitation.period_samples)
    )
    try:
        while len(periods) < wanted and time.monotonic() < end:
            period = device.read(0.5)
            if period is None:
                continue
            if period.fault:
                last_fault = period.fault
            elif skipped < _SETTLING_PERIODS:
                skipped += 1
            else:
                periods.append(period.samples)
                starts.append(period.frame or 0)
    except EndOfStreamError:
        pass
    finally:
        device.close()
    if len(periods) < LEAST_PERIODS:
        why = device.counters.last_error or last_fault or "no sound came"
        raise DeviceError(
            f"{audio.capture}: {len(periods)} good periods in {seconds + _SILENCE_S:g} s ({why}), "
            f"but {LEAST_PERIODS} are needed; "
            "check cables, loudspeaker and level (posekernel doctor)"
        )
    return np.stack(periods), np.array(starts, np.int64)


def configured_map(config: Config, take: SoundTake) -> ChannelMap:
    """The device's own channel numbers for a session, which holds only the channels that are used.

    Raises ConfigError where the session is of another rig.
    """
    audio, reference = config.audio, config.audio.reference_channel
    if len(audio.mic_channels) != len(take.map.mics) or (reference < 0) != (
        take.map.reference is None
    ):
        loopback = "no" if take.map.reference is None else "a"
        raise ConfigError(
            f"{take.description}: {len(take.map.mics)} microphones and {loopback} loopback, but "
            f"audio.mic_channels has {len(audio.mic_channels)} and audio.reference_channel is "
            f"{reference}: this recording is of another rig"
        )
    return ChannelMap(audio.channels, audio.mic_channels, reference if reference >= 0 else None)
