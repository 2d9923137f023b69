"""Plays what the playlist says and records, on two threads that outlive the loss of a card.

The capture thread owns both devices, opens them again when they are lost, and only copies into a
ring. The playback thread only keeps the card's buffer full, with silence where nothing sounds: so
the playlist's grid goes on.
"""

import logging
import threading
import time

import numpy as np

from edge.core.config import AudioConfig
from edge.core.contracts import AudioCounters
from edge.core.errors import DeviceError
from edge.sound.burst import MAX_PERIODS
from edge.sound.excitation import Excitation
from edge.sources.alsa.card import DTYPES, SoundCard, alsa_module, open_card
from edge.sources.alsa.playlist import Playlist
from edge.sources.alsa.ring import CaptureRing

_BACK_OFF_S = (0.1, 10.0)
_RING_S = 2.0
_STUCK_S = 2.0  # a card that gives neither sound nor an error for this long is opened again
_WAIT_S = 0.1
_AT_ONCE_NS = 10_000_000  # a thread that was held up in between knows nothing of when

log = logging.getLogger(__name__)


class Duplex:
    """Both directions of a sound card. ring: what was recorded. playlist: what is played; mute and
    gain act within one ALSA period.

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
        self._n, self._rate = excitation.period_samples, excitation.sample_rate_hz
        self._dtype = DTYPES[audio.format]
        self.ring = CaptureRing(
            round(_RING_S * self._rate) + (MAX_PERIODS + 1) * self._n,
            audio.channels,
            self._dtype,
            self._rate,
        )
        self.playlist = Playlist(
            excitation, speakers, audio.playback_channels, self._dtype, muted=muted
        )
        self.closed = threading.Event()
        self._audio, self._counters = audio, counters
        self._alsa = alsa_module()
        self._position = 0  # playback frames
        self._thread = threading.Thread(
            target=self._run, args=(open_card(audio, self._rate),), name="alsa-capture", daemon=True
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
                    card = open_card(self._audio, self._rate)
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
                        np.frombuffer(data, self._dtype).reshape(-1, self._audio.channels), t_ns
                    )
                    if not recorded and card.playback is not None:
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
        playlist, (chunk, buffer) = self.playlist, card.playback_sizes()
        position, fill = -(-self._position // self._n) * self._n, True
        playlist.interrupted(position, 0, "reopened", self._n)
        try:
            while playing.is_set():
                before_ns = time.monotonic_ns()
                queued = 0 if fill else card.queued(buffer)
                now_ns = time.monotonic_ns()
                if not fill and now_ns - before_ns < _AT_ONCE_NS:
                    playlist.heard(position - queued, now_ns)
                if playlist.adopt(position, position - queued, now_ns):
                    card.playback.drop()
                    queued, fill = 0, True
                heard_ns = now_ns + queued * 1_000_000_000 // self._rate
                block = playlist.block(position, buffer if fill else chunk, heard_ns)
                written = card.playback.write(block)
                fill = written < 0
                if fill:
                    self._counters.xruns += 1
                    self.ring.mark("playback xrun")
                    playlist.interrupted(position, position, "playback xrun")
                else:
                    position += written
                    self._position = position
        except self._alsa.ALSAAudioError as e:
            card.failed = f"{self._audio.playback} was lost ({e})"
