"""A sound card whose time passes when told: what is played is heard through paths of air."""

import threading
from typing import Any

import numpy as np

from edge.core.config import AudioConfig
from edge.core.contracts import AudioCounters
from edge.core.rig import Rig
from edge.sound.excitation import Excitation
from edge.sources.alsa.playlist import Playlist
from edge.sources.alsa.ring import CaptureRing

CHUNK = 160
_TAPS = np.arange(-48, 49)


class LockstepCard:
    """Stands in for `Duplex`. Microphone m hears loudspeaker s after `latency` [samples] and the
    way through the air, at 1 m with a gain of 0.1; the reference hears loudspeaker 0 after
    `latency`.

    ppm: how much faster the playback's clock runs than the recording's. queue: frames that the
    card holds.
    """

    def __init__(
        self,
        audio: AudioConfig,
        excitation: Excitation,
        speakers: int,
        counters: AudioCounters,
        *,
        muted: bool,
        rig: Rig,
        latency: float = 137.3,
        ppm: float = 0.0,
        noise: float = 0.0,
        queue: int = 3200,
    ) -> None:
        n, self.rate = excitation.period_samples, excitation.sample_rate_hz
        self.ring = CaptureRing(2 * self.rate + 6 * n, audio.channels, np.int16, self.rate)
        self.playlist = Playlist(
            excitation, speakers, audio.playback_channels, np.dtype("<i2"), muted=muted
        )
        self.closed = threading.Event()
        self.counters = counters
        self.emitted = np.zeros((4096, speakers), np.float32)  # before frame 0
        self._audio, self._rig, self._queue = audio, rig, queue
        self._latency, self._speed = latency, 1.0 + 1e-6 * ppm
        self._noise, self._rng = noise, np.random.default_rng(0)
        self._position = 0
        self._waiting = np.zeros((0, speakers), np.float32)
        self._end = 0  # of what was emitted, frames
        self._time = 0  # frames of the recording, lost ones too
        self.playlist.interrupted(0, 0, "reopened", n)

    def close(self) -> None:
        self.closed.set()

    def advance(self, seconds: float) -> None:
        """Let the time pass in which so much is recorded."""
        for _ in range(round(seconds * self.rate / CHUNK)):
            self._play()
            self._record()

    def lose_recording(self, frames: int) -> None:
        """A capture xrun."""
        self.counters.xruns += 1
        self.ring.begin("capture xrun")
        for _ in range(frames // CHUNK):
            self._play()
            self._time += CHUNK

    def starve(self, frames: int) -> None:
        """A playback xrun: what is queued is played, then so many frames of nothing."""
        while len(self._waiting) >= CHUNK:
            self._emit(CHUNK)
            self._record()
        self._waiting = np.zeros((frames // CHUNK * CHUNK, self.emitted.shape[1]), np.float32)
        while len(self._waiting):
            self._emit(CHUNK)
            self._record()
        self.counters.xruns += 1
        self.ring.mark("playback xrun")
        self.playlist.interrupted(self._position, self._position, "playback xrun")

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC of the card's own."""
        return 10_000_000_000 + self._time * 1_000_000_000 // self.rate

    def _play(self) -> None:
        heard = self._position - len(self._waiting)
        if self.playlist.adopt(self._position, heard, self.now_ns()):
            self._waiting = self._waiting[:0]
        queued = len(self._waiting)
        if (free := self._queue - queued) >= CHUNK:
            first_ns = self.now_ns() + queued * 1_000_000_000 // self.rate
            block = self.playlist.block(self._position, free // CHUNK * CHUNK, first_ns)
            sound = block[:, : self.emitted.shape[1]].astype(np.float32) / 32768
            self._waiting = np.concatenate([self._waiting, sound])
            self._position += len(block)
        self._emit(CHUNK)

    def _emit(self, frames: int) -> None:
        self.emitted = np.concatenate([self.emitted[-8192:], self._waiting[:frames]])
        self._waiting = self._waiting[frames:]
        self._end += frames

    def _record(self) -> None:
        t = (self._time + np.arange(CHUNK)) * self._speed - CHUNK
        out = np.zeros((CHUNK, self._audio.channels))
        rig, audio = self._rig, self._audio
        for m, channel in enumerate(audio.mic_channels):
            for s, speaker in enumerate(rig.speakers):
                apart = float(np.linalg.norm(speaker - rig.mics[m]))
                lag = self._latency + apart / rig.speed_of_sound_m_s * self.rate
                out[:, channel] += 0.1 / apart * self._heard(t - lag, s)
        if audio.reference_channel >= 0:
            out[:, audio.reference_channel] = self._heard(t - self._latency, 0)
        out += self._noise * self._rng.normal(size=out.shape)
        raw = np.round(np.clip(out * 32768, -32768, 32767)).astype(np.int16)
        self.ring.append(raw, self.now_ns())
        self._time += CHUNK

    def _heard(self, at: Any, speaker: int) -> Any:
        """What this loudspeaker emitted at fractional frames."""
        first = np.floor(at).astype(int)
        index = first[:, None] + _TAPS - (self._end - len(self.emitted))
        rows = self.emitted[np.clip(index, 0, len(self.emitted) - 1), speaker]
        if not rows.any():
            return np.zeros(len(at))
        x = (at - first)[:, None] - _TAPS
        return (rows * np.sinc(x) * np.cos(np.pi * x / 100) ** 2).sum(axis=1)
