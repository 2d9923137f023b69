"""Gapless excitation out, recording in, one clock: periods (M, N) aligned on the excitation,
through pyalsaaudio.

Two threads: capture owns both devices, opens them again when they are lost, and only copies into a
ring; playback only keeps the card's buffer full. All signal work happens in `read`, on the caller's
thread.
"""

import logging
import threading
import time
from typing import Any

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.config import AudioConfig
from edge.core.contracts import AudioCounters, AudioPeriod
from edge.core.errors import DeviceError
from edge.core.rig import Rig
from edge.sound.excitation import Excitation, speaker_signals
from edge.sources.alsa.alignment import Aligner, Alignment, DelayTracker
from edge.sources.alsa.card import DTYPES, SoundCard, alsa_module, open_card
from edge.sources.alsa.ring import CaptureRing, Segment

log = logging.getLogger(__name__)

_BACKOFF_S = (0.1, 10.0)
_RING_S = 2.0
# A card that says nothing for so long, not even that it has a fault, is opened again.
_STUCK_S = 2.0
_WAIT_S = 0.1
# Beyond this the excitation has moved and frames were lost without notice; a slower drift is
# followed by cutting anew.
_GAP_SAMPLES = 2.0
_RECUT_SAMPLES = 0.75
# Steady state: the circular deconvolution holds only when the period before sounded the same.
_STEADY_DB = 1.0
_RESTART_RAMP_S = 0.005


def list_devices() -> list[str]:
    """Names of the ALSA capture devices, as audio.capture takes them. Raises DeviceError without
    pyalsaaudio.
    """
    alsaaudio = alsa_module()
    return sorted(alsaaudio.pcms(alsaaudio.PCM_CAPTURE))


class AlsaAudio:
    """The AudioSource of a real array.

    With a reference channel, periods are cut on it and the reference is handed on; without, they
    are cut on the direct sound (rig.direct_arrival_s) and `delay_samples` holds what cutting at
    whole samples leaves. Faults: "capture xrun", "playback xrun", "reopened", "gap" (frames lost
    without notice), "no reference" (the excitation is not heard) and "unsteady" (its level differs
    from the period before, as after a start).
    """

    def __init__(
        self, audio: AudioConfig, excitation: Excitation, rig: Rig, *, muted: bool = False
    ):
        """Opens both devices and starts to play, silence when muted. Raises DeviceError (absent, or
        not in the asked format).
        """
        self.counters = AudioCounters()
        self._audio, self._excitation = audio, excitation
        self._alsa = alsa_module()
        n, rate = excitation.period_samples, excitation.sample_rate_hz
        if audio.playback_channels < len(rig.speakers):
            raise DeviceError(
                f"audio.playback_channels is {audio.playback_channels}, "
                f"but the rig has {len(rig.speakers)} speakers: "
                "one channel per speaker is needed"
            )
        self._signal = _playback_signal(excitation, len(rig.speakers), audio)
        self._has_reference = audio.reference_channel >= 0
        self._aligner = Aligner(excitation, None if self._has_reference else rig)
        self._delay = DelayTracker()
        capacity = max(4 * n, round(_RING_S * rate))
        self._ring = CaptureRing(capacity, audio.channels, DTYPES[audio.format], rate)
        self._cursor = 0
        self._index = 0
        self._aligned: Segment | None = None
        self._level_db: float | None = None
        self._muted = muted
        self._gain = 1.0
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(open_card(audio, rate),), name="alsa-capture", daemon=True
        )
        self._thread.start()

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """Next period; None when none came in time, as while a lost device is tried again. Raises
        DeviceError when closed.
        """
        deadline = time.monotonic() + timeout_s
        n = self._excitation.period_samples
        while self._ring.wait(self._cursor + n, deadline, self._stop):
            stretch = self._ring.cut(self._cursor, n)
            if stretch is None:
                self._skip()
                continue
            frame = self._cursor
            samples, reference = self._channels(stretch.frames)
            if stretch.broken is not None:
                # A hole in the recording ends with the hole; after a playback xrun the rest of this
                # period sounds wrong, too.
                self._cursor = stretch.broken.start if stretch.broken.spliced else self._cursor + n
                return self._deliver(frame, stretch.t_ns, samples, reference, stretch.broken.cause)
            found = self._aligner.find(samples if reference is None else reference[None])
            if found is not None and self._aligned is not stretch.segment:
                self._aligned = stretch.segment
                self._delay.reset()
                if offset := round(found.lag):
                    self._cursor += offset
                    continue
            self._cursor += n
            fault = self._judge(found)
            delay = self._delay.samples if reference is None else 0.0
            return self._deliver(frame, stretch.t_ns, samples, reference, fault, delay or 0.0)
        if self._stop.is_set():
            raise DeviceError(f"{self._audio.capture}: read after close; open the device again")
        return None

    def set_muted(self, muted: bool) -> None:
        """Silence the loudspeaker within one ALSA period, what is queued included; the recording
        goes on.
        """
        self._muted = muted

    def set_gain(self, gain: float) -> None:
        """Play at this share, 0.001..1, of the excitation's level, within one ALSA period;
        responses stay as at 1.
        """
        self._gain = min(max(gain, 1e-3), 1.0)

    def close(self) -> None:
        """Stop sound and release both devices, within a second; safe to call twice."""
        self._stop.set()
        self._ring.wake()
        self._thread.join(0.9)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is left to the system", self._audio.capture)

    def _channels(self, frames: Any) -> tuple[FloatArray, FloatArray | None]:
        scale = np.float32(2.0 ** (1 - 8 * frames.dtype.itemsize))
        samples = np.ascontiguousarray(frames[:, self._audio.mic_channels].T, np.float32) * scale
        if not self._has_reference:
            return samples / np.float32(self._gain), None
        return samples, frames[:, self._audio.reference_channel].astype(np.float32) * scale

    def _judge(self, found: Alignment | None) -> str:
        """Compare a period with the cut and the level that hold so far; its fault, "" when all is
        well.
        """
        if found is None:
            self._aligned, self._level_db = None, None
            return "no reference"
        n = self._excitation.period_samples
        drift = (found.lag + n / 2) % n - n / 2
        steady = self._level_db is not None and abs(found.level_db - self._level_db) < _STEADY_DB
        self._level_db = found.level_db
        if abs(drift) > _GAP_SAMPLES:
            self.counters.gaps += 1
            self._cursor += round(drift)
            self._delay.reset()
            return "gap"
        self._delay.update(drift)
        if abs(drift) > _RECUT_SAMPLES:
            self._cursor += round(drift)
        return "" if steady else "unsteady"

    def _deliver(
        self,
        frame: int,
        t_ns: int,
        samples: FloatArray,
        reference: FloatArray | None,
        fault: str,
        delay: float = 0.0,
    ) -> AudioPeriod:
        period = AudioPeriod(self._index, t_ns, samples, reference, delay, fault, frame)
        self._index += 1
        self.counters.periods += 1
        return period

    def _skip(self) -> None:
        """The caller was away for longer than the ring: go on at the newest whole period, count
        what is lost.
        """
        n = self._excitation.period_samples
        late = -(-(self._ring.oldest() - self._cursor) // n) + 1
        self._cursor += late * n
        self._index += late
        self.counters.dropped += late

    def _run(self, card: SoundCard | None) -> None:
        """Body of the capture thread: record until the card is lost, then try again, ever slower."""
        wait_s = _BACKOFF_S[0]
        while not self._stop.is_set():
            try:
                if card is None:
                    card = open_card(self._audio, self._excitation.sample_rate_hz)
                    self.counters.reopened += 1
                    log.info("%s is back", self._audio.capture)
                if self._record(card):
                    wait_s = _BACKOFF_S[0]
            except DeviceError as e:
                self.counters.last_error = str(e)
            if self._stop.is_set():
                break
            card = None
            log.warning("sound: %s; next try in %.1f s", self.counters.last_error, wait_s)
            self._ring.begin("reopened")
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, _BACKOFF_S[1])

    def _record(self, card: SoundCard) -> bool:
        """Copy blocks into the ring until stop or loss; closes the card. True when sound came at
        all.
        """
        playing = threading.Event()
        player = threading.Thread(
            target=self._play, args=(card, playing), name="alsa-playback", daemon=True
        )
        playing.set()
        heard = False
        alive_s = time.monotonic()
        try:
            while not self._stop.is_set() and not card.failed:
                frames, data = card.capture.read()
                if frames:
                    alive_s = time.monotonic()
                if frames < 0:
                    self.counters.xruns += 1
                    self._ring.begin("capture xrun")
                elif frames == 0:
                    if not card.wait_captured(_WAIT_S) and time.monotonic() - alive_s > _STUCK_S:
                        self.counters.last_error = (
                            f"{self._audio.capture} gave no sound for {_STUCK_S:g} s, and no error"
                        )
                        break
                else:
                    t_ns = card.first_frame_ns(frames)
                    self._ring.append(
                        np.frombuffer(data, self._signal.dtype).reshape(-1, self._audio.channels),
                        t_ns,
                    )
                    if not heard:
                        # Capture runs before playback starts: some arrays order their channels by
                        # it.
                        player.start()
                    heard = True
            self.counters.last_error = card.failed or self.counters.last_error
        except self._alsa.ALSAAudioError as e:
            self.counters.last_error = f"{self._audio.capture} was lost ({e})"
        finally:
            playing.clear()
            if player.ident is not None:
                player.join(0.5)
            card.close()
        return heard

    def _play(self, card: SoundCard, playing: threading.Event) -> None:
        """Body of the playback thread: the card's buffer is always full."""
        n, (chunk, buffer) = self._excitation.period_samples, card.playback_sizes()
        position, start, ramp, fill, muted, gain = 0, 0, n, True, self._muted, self._gain
        try:
            while playing.is_set():
                if (muted, gain) != (self._muted, self._gain):
                    muted, gain = self._muted, self._gain
                    card.playback.drop()
                    start, ramp, fill = position, n, True
                at = np.arange(position, position + (buffer if fill else chunk))
                block = np.take(self._signal, at, axis=0, mode="wrap")
                if muted:
                    block[:] = 0
                elif position - start < ramp or gain != 1.0:
                    block = (block * (gain * np.minimum((at - start) / ramp, 1.0))[:, None]).astype(
                        block.dtype
                    )
                written = card.playback.write(block)
                fill = written < 0
                if fill:
                    self.counters.xruns += 1
                    self._ring.mark("playback xrun")
                    start, ramp = (
                        position,
                        max(1, round(_RESTART_RAMP_S * self._excitation.sample_rate_hz)),
                    )
                else:
                    position += written
        except self._alsa.ALSAAudioError as e:
            card.failed = f"{self._audio.playback} was lost ({e})"


def _playback_signal(excitation: Excitation, speakers: int, audio: AudioConfig) -> Any:
    """Interleaved integers (N, playback_channels). One speaker sounds on every channel; several
    each on their own.
    """
    signals = speaker_signals(excitation, speakers)
    out = np.zeros((excitation.period_samples, audio.playback_channels))
    out[:, :] = signals[0][:, None] if speakers == 1 else 0.0
    out[:, :speakers] = signals.T
    dtype = DTYPES[audio.format]
    return np.round(out * (2 ** (8 * dtype.itemsize - 1) - 1)).astype(dtype)
