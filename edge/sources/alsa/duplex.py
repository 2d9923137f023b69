"""Plays the excitation without a gap and records, on two threads that outlive the loss of a card.

The capture thread owns both devices, opens them again when they are lost, and only copies into a
ring. The playback thread only keeps the card's buffer full.
"""

import logging
import threading
import time
from typing import Any

import numpy as np

from edge.core.config import AudioConfig
from edge.core.contracts import AudioCounters
from edge.core.errors import DeviceError
from edge.sound.excitation import Excitation, speaker_signals
from edge.sources.alsa.card import DTYPES, SoundCard, alsa_module, open_card
from edge.sources.alsa.ring import CaptureRing

_BACK_OFF_S = (0.1, 10.0)
_RING_S = 2.0
_STUCK_S = 2.0  # a card that gives neither sound nor an error for this long is opened again
_WAIT_S = 0.1
_RESTART_RAMP_S = 0.005

log = logging.getLogger(__name__)


class Duplex:
    """Both directions of a sound card. ring: what was recorded. muted, gain (0.001..1): of the
    playback; set from any thread, they act within one ALSA period.

    Opening raises DeviceError. A card that is lost later is tried again until `close`.
    """

    def __init__(
        self,
        audio: AudioConfig,
        excitation: Excitation,
        speakers: int,
        counters: AudioCounters,
        *,
        muted: bool,
    ) -> None:
        self.muted, self.gain = muted, 1.0
        n, rate = excitation.period_samples, excitation.sample_rate_hz
        self.ring = CaptureRing(
            max(4 * n, round(_RING_S * rate)), audio.channels, DTYPES[audio.format], rate
        )
        self.closed = threading.Event()
        self._audio, self._excitation, self._counters = audio, excitation, counters
        self._alsa = alsa_module()
        self._signal = _playback_signal(excitation, speakers, audio)
        self._thread = threading.Thread(
            target=self._run, args=(open_card(audio, rate),), name="alsa-capture", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop sound and release both devices, within a second; safe to call twice."""
        self.closed.set()
        self.ring.wake()
        self._thread.join(0.9)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is left to the system", self._audio.capture)

    def _run(self, card: SoundCard | None) -> None:
        """The capture thread: record until the card is lost, then open it again, with back-off."""
        wait_s = _BACK_OFF_S[0]
        while not self.closed.is_set():
            try:
                if card is None:
                    card = open_card(self._audio, self._excitation.sample_rate_hz)
                    self._counters.reopened += 1
                    log.info("%s is back", self._audio.capture)
                if self._record(card):
                    wait_s = _BACK_OFF_S[0]
            except DeviceError as e:
                self._counters.last_error = str(e)
            if self.closed.is_set():
                break
            card = None
            log.warning("sound: %s; next try in %.1f s", self._counters.last_error, wait_s)
            self.ring.begin("reopened")
            self.closed.wait(wait_s)
            wait_s = min(2 * wait_s, _BACK_OFF_S[1])

    def _record(self, card: SoundCard) -> bool:
        """Copy blocks into the ring until `close` or loss of the card. Returns whether any came."""
        playing = threading.Event()
        player = threading.Thread(
            target=self._play, args=(card, playing), name="alsa-playback", daemon=True
        )
        playing.set()
        recorded = False
        alive_s = time.monotonic()
        try:
            while not self.closed.is_set() and not card.failed:
                frames, data = card.capture.read()
                if frames:
                    alive_s = time.monotonic()
                if frames < 0:
                    self._counters.xruns += 1
                    self.ring.begin("capture xrun")
                elif frames == 0:
                    if not card.wait_captured(_WAIT_S) and time.monotonic() - alive_s > _STUCK_S:
                        self._counters.last_error = (
                            f"{self._audio.capture} gave no sound for {_STUCK_S:g} s, and no error"
                        )
                        break
                else:
                    t_ns = card.first_frame_ns(frames)
                    self.ring.append(
                        np.frombuffer(data, self._signal.dtype).reshape(-1, self._audio.channels),
                        t_ns,
                    )
                    if not recorded:
                        # Capture first: on some arrays the order decides which channel is which.
                        player.start()
                    recorded = True
            self._counters.last_error = card.failed or self._counters.last_error
        except self._alsa.ALSAAudioError as e:
            self._counters.last_error = f"{self._audio.capture} was lost ({e})"
        finally:
            playing.clear()
            if player.ident is not None:
                player.join(0.5)
            card.close()
        return recorded

    def _play(self, card: SoundCard, playing: threading.Event) -> None:
        """The playback thread: keep the card's buffer full."""
        n, (chunk, buffer) = self._excitation.period_samples, card.playback_sizes()
        restart_ramp = max(1, round(_RESTART_RAMP_S * self._excitation.sample_rate_hz))
        position, start, ramp, fill, muted, gain = 0, 0, n, True, self.muted, self.gain
        try:
            while playing.is_set():
                if (muted, gain) != (self.muted, self.gain):
                    muted, gain = self.muted, self.gain
                    card.playback.drop()
                    start, ramp, fill = position, n, True
                at = np.arange(position, position + (buffer if fill else chunk))
                block = np.take(self._signal, at, axis=0, mode="wrap")
                if muted:
                    block[:] = 0
                elif position - start < ramp or gain != 1.0:
                    envelope = gain * np.minimum((at - start) / ramp, 1.0)
                    block = (block * envelope[:, None]).astype(block.dtype)
                written = card.playback.write(block)
                fill = written < 0
                if fill:
                    self._counters.xruns += 1
                    self.ring.mark("playback xrun")
                    start, ramp = position, restart_ramp
                else:
                    position += written
        except self._alsa.ALSAAudioError as e:
            card.failed = f"{self._audio.playback} was lost ({e})"


def _playback_signal(excitation: Excitation, speakers: int, audio: AudioConfig) -> Any:
    """Interleaved integers (N, playback_channels). A single speaker plays on all of them."""
    signals = speaker_signals(excitation, speakers)
    out = np.zeros((excitation.period_samples, audio.playback_channels))
    out[:, :] = signals[0][:, None] if speakers == 1 else 0.0
    out[:, :speakers] = signals.T
    dtype = DTYPES[audio.format]
    return np.round(out * (2 ** (8 * dtype.itemsize - 1) - 1)).astype(dtype)
