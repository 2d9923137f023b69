"""A microphone array as a source: periods (M, N) of the recording, cut on the excitation.

All signal work happens in `read`, on the caller's thread; `duplex` plays and records.
"""

import time
from typing import Any

import numpy as np

from edge.core.arrays import FloatArray
from edge.core.config import AudioConfig
from edge.core.contracts import AudioCounters, AudioPeriod
from edge.core.errors import DeviceError
from edge.core.rig import Rig
from edge.sound.excitation import Excitation
from edge.sources.alsa.alignment import Aligner, Alignment, DelayTracker
from edge.sources.alsa.card import alsa_module
from edge.sources.alsa.duplex import Duplex
from edge.sources.alsa.ring import Segment

# A jump beyond this means that frames were lost without notice; a slow drift is followed by cutting
# anew.
_GAP_SAMPLES = 2.0
_RECUT_SAMPLES = 0.75
# Circular deconvolution needs steady state: the period before must have had the same level.
_STEADY_DB = 1.0


def list_devices() -> list[str]:
    """ALSA capture devices as audio.capture takes them. Raises DeviceError without pyalsaaudio."""
    alsaaudio = alsa_module()
    return sorted(alsaaudio.pcms(alsaaudio.PCM_CAPTURE))


class AlsaAudio:
    """The AudioSource of a real array.

    With a reference channel, periods are cut on it and contain it; without, they are cut on the
    direct sound (rig.direct_arrival_s), and `delay_samples` is what cutting at whole samples
    leaves. Faults: "capture xrun", "playback xrun", "reopened", "gap" (frames lost without notice),
    "no reference" (the excitation is not found) and "unsteady" (its level differs from the period
    before, as after a start).
    """

    def __init__(
        self, audio: AudioConfig, excitation: Excitation, rig: Rig, *, muted: bool = False
    ):
        """Open both devices and start to play, silence when muted. Raises DeviceError for a card
        that is absent or changes the configured format.
        """
        self.counters = AudioCounters()
        self._audio, self._excitation = audio, excitation
        if audio.playback_channels < len(rig.speakers):
            raise DeviceError(
                f"audio.playback_channels is {audio.playback_channels}, but the rig has "
                f"{len(rig.speakers)} speakers: one channel per speaker is needed"
            )
        self._has_reference = audio.reference_channel >= 0
        self._aligner = Aligner(excitation, None if self._has_reference else rig)
        self._delay = DelayTracker()
        self._cursor = 0
        self._index = 0
        self._aligned: Segment | None = None
        self._level_db: float | None = None
        self._duplex = Duplex(audio, excitation, len(rig.speakers), self.counters, muted=muted)
        self._ring = self._duplex.ring

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """Next period; None when none came in time. Raises DeviceError when closed."""
        deadline = time.monotonic() + timeout_s
        n = self._excitation.period_samples
        while self._ring.wait(self._cursor + n, deadline, self._duplex.closed):
            stretch = self._ring.cut(self._cursor, n)
            if stretch is None:
                self._skip()
                continue
            frame = self._cursor
            samples, reference = self._channels(stretch.frames)
            if stretch.broken is not None:
                # After a loss in the recording the next period begins at once; after a playback
                # xrun the rest of this period is wrong, too.
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
        if self._duplex.closed.is_set():
            raise DeviceError(f"{self._audio.capture}: read after close; open the device again")
        return None

    def set_muted(self, muted: bool) -> None:
        """Silence the loudspeaker within one ALSA period; recording goes on."""
        self._duplex.muted = muted

    def set_gain(self, gain: float) -> None:
        """Play at this share, 0.001..1, within one ALSA period; responses stay as at 1."""
        self._duplex.gain = min(max(gain, 1e-3), 1.0)

    def close(self) -> None:
        """Stop sound and release both devices, within a second; safe to call twice."""
        self._duplex.close()

    def _channels(self, frames: Any) -> tuple[FloatArray, FloatArray | None]:
        scale = np.float32(2.0 ** (1 - 8 * frames.dtype.itemsize))
        samples = np.ascontiguousarray(frames[:, self._audio.mic_channels].T, np.float32) * scale
        if not self._has_reference:
            return samples / np.float32(self._duplex.gain), None
        return samples, frames[:, self._audio.reference_channel].astype(np.float32) * scale

    def _judge(self, found: Alignment | None) -> str:
        """The fault of a period against the cut and level so far, "" for none."""
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
        """The caller was away for longer than the ring holds: go on at the oldest whole period that
        is left, and count what is lost.
        """
        n = self._excitation.period_samples
        late = -(-(self._ring.oldest() - self._cursor) // n) + 1
        self._cursor += late * n
        self._index += late
        self.counters.dropped += late
