"""One recording as two kinds of source: through a sound card, and as a session."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge.core.config import AudioConfig, ExcitationConfig
from edge.core.contracts import AudioPeriod, AudioSource
from edge.core.rig import Camera, Rig
from edge.sound.excitation import make_excitation
from edge.sources.alsa.source import AlsaAudio
from edge.sources.session.replay import open_replay
from edge.sources.session.writer import SessionWriter
from tests.support.alsa_device import AlsaTestDevice
from tests.support.waiting import LIMIT_S, until

RATE, LEVEL, BAND = 16000, -12.0, (2000.0, 7500.0)
X = ExcitationConfig(sample_rate_hz=RATE, band_hz=BAND, period_s=0.05, level_dbfs=LEVEL)
N = X.period_samples
EXCITATION = make_excitation(RATE, BAND, X.period_s, LEVEL)
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
    speed_of_sound_m_s=343.0,
)
CHANNELS, MICS, REFERENCE = 4, (1, 2), 3
LATENCY = 137.3
PERIODS = 60


def delayed(samples: float) -> np.ndarray:
    """The excitation, circularly delayed by a fraction of samples."""
    k = np.arange(N // 2 + 1)
    return np.fft.irfft(
        np.fft.rfft(EXCITATION.samples.astype(float)) * np.exp(-2j * np.pi * k * samples / N), N
    )


def recording(latency: float, *, silent: bool = False) -> np.ndarray:
    """(PERIODS * N, CHANNELS) int16: direct sound and reference after `latency` samples, and noise
    that tells periods apart.
    """
    out = np.random.default_rng(1).normal(0.0, 3.0, (PERIODS * N, CHANNELS))
    if not silent:
        for pair, channel in enumerate(MICS):
            out[:, channel] += 8000 * np.tile(
                delayed(latency + RIG.direct_arrival_s[pair] * RATE), PERIODS
            )
        out[:, REFERENCE] += 32768 * np.tile(delayed(latency), PERIODS)
    return np.round(out).astype(np.int16)


@dataclass
class Opened:
    source: AudioSource
    heard: np.ndarray
    card: AlsaTestDevice | None

    def read(self, count: int) -> list[AudioPeriod]:
        periods = []
        for _ in range(count):
            period = self.source.read(LIMIT_S)
            assert period is not None, f"no period: {self.source.counters}"
            periods.append(period)
        return periods

    def read_until_good(self, limit: int = 40) -> AudioPeriod:
        for _ in range(limit):
            if not (period := self.read(1)[0]).fault:
                return period
        raise AssertionError(f"no good period among {limit}: {self.source.counters}")

    def read_until(self, sounding: str, limit: int = 100) -> AudioPeriod:
        for _ in range(limit):
            if (period := self.read(1)[0]).sounding == sounding:
                return period
        raise AssertionError(f"no {sounding} among {limit} periods: {self.source.counters}")

    def wait_written(self) -> None:
        """Wait for a write to the loudspeaker that was prepared after this call."""
        for _ in range(2):  # the first may have been prepared before
            before = len(self.card.played())
            assert until(lambda n=before: len(self.card.played()) > n)

    def position(self, period: AudioPeriod) -> int:
        """First frame of the period in what was put in; the samples must be there bit by bit."""
        want = np.round(period.samples[0] * 32768).astype(np.int16)
        for at in np.flatnonzero(self.heard[: 1 - N, MICS[0]] == want[0]):
            if np.array_equal(self.heard[at : at + N, MICS].T, np.round(period.samples * 32768)):
                return int(at)
        raise AssertionError(f"period {period.index} is not in the recording")


class Sources:
    """Opens the same recording as either kind of source."""

    def __init__(
        self, kind: str, folder: Path, alsa_card: Callable[..., AlsaTestDevice], reference: bool
    ):
        self.kind, self.folder, self.alsa_card, self.reference = kind, folder, alsa_card, reference
        self.opened: list[AudioSource] = []
        self.audio = AudioConfig(
            channels=CHANNELS,
            mic_channels=MICS,
            reference_channel=REFERENCE if reference else -1,
            playback_channels=2,
            alsa_period_frames=160,
            alsa_periods=40,
        )

    def open(
        self,
        *,
        xrun_at: int = 0,
        silent: bool = False,
        audio: AudioConfig | None = None,
        loop: bool = True,
        **card: int,
    ) -> Opened:
        if self.kind == "replay":
            opened = self._open_session(xrun_at, silent, loop)
        else:
            heard = recording(LATENCY, silent=silent)
            device = self.alsa_card(
                heard, RATE, playback_channels=2, xrun_at=xrun_at, loop=loop, **card
            )
            config = replace(audio or self.audio, capture=device.capture, playback=device.playback)
            opened = Opened(
                AlsaAudio(config, EXCITATION, RIG), np.concatenate([heard, heard[:N]]), device
            )
        self.opened.append(opened.source)
        return opened

    def _open_session(self, xrun_at: int, silent: bool, loop: bool) -> Opened:
        heard = recording(LATENCY - round(LATENCY), silent=silent)
        with SessionWriter(
            self.folder / "session",
            source="simulated",
            rig=RIG,
            excitation=X,
            channels=CHANNELS,
            mic_channels=MICS,
            reference_channel=REFERENCE if self.reference else None,
        ) as writer:
            for k in range(PERIODS):
                fault = "capture xrun" if xrun_at and k == xrun_at // N else ""
                writer.add_period(heard[k * N : (k + 1) * N], k * N * 1_000_000_000 // RATE, fault)
        return Opened(
            open_replay(self.folder / "session", realtime=True, loop=loop).audio, heard, None
        )

    def need_card(self, why: str) -> None:
        if self.kind == "replay":
            pytest.skip(f"replay: {why}")
