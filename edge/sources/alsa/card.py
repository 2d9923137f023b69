"""Opens a sound card through pyalsaaudio; refuses one that silently changes the format."""

import logging
import select
import time
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from edge.core.config import AudioConfig
from edge.core.errors import DeviceError
from edge.sources.remedies import sound_problem

log = logging.getLogger(__name__)

DTYPES: dict[str, np.dtype[Any]] = {"S16_LE": np.dtype("<i2"), "S32_LE": np.dtype("<i4")}


def alsa_module() -> ModuleType:
    """pyalsaaudio. Raises DeviceError where it is not installed."""
    try:
        import alsaaudio
    except ImportError as e:
        raise DeviceError(
            f"pyalsaaudio is needed for sound, but cannot be imported ({e}): "
            "install libasound2-dev and a compiler, then pip install 'posekernel[alsa]'"
        ) from e
    return alsaaudio  # type: ignore[no-any-return]


@dataclass(slots=True)
class SoundCard:
    """Both directions of an open card. playback: None where the sensor does not play. failed: why
    playback ended, for the capture thread.
    """

    capture: Any
    playback: Any
    rate: int
    capture_buffer: int
    failed: str = ""

    def playback_sizes(self) -> tuple[int, int]:
        """ALSA period and buffer of the playback, frames."""
        info = self.playback.info()
        return int(info["period_size"]), int(info["buffer_size"])

    def queued(self, buffer: int) -> int:
        """Frames that are written and not played yet, of a buffer of so many; 0 after an xrun."""
        free = int(self.playback.avail())
        return 0 if free < 0 else max(0, buffer - free)

    def wait_captured(self, timeout_s: float) -> bool:
        """Wait for an ALSA period of the capture; False when none came: the next read says why."""
        descriptors = self.capture.polldescriptors()
        poll = select.poll()
        for fd, events in descriptors:
            poll.register(fd, events)
        found = poll.poll(1000.0 * timeout_s)
        return bool(found and self.capture.polldescriptors_revents(found) & select.POLLIN)

    def first_frame_ns(self, frames: int) -> int:
        """CLOCK_MONOTONIC of the first of `frames` just read. Checked, as htimestamp() is garbage
        after an xrun.
        """
        seconds, ns, waiting = self.capture.htimestamp()
        now, t = time.monotonic_ns(), seconds * 1_000_000_000 + ns
        if not 0 <= now - t < 1_000_000_000 or not 0 <= waiting <= self.capture_buffer:
            t, waiting = now, 0
        return int(t - (waiting + frames) * 1_000_000_000 // self.rate)

    def close(self) -> None:
        """Silence at once, release both."""
        # Without drop() the queued sound would be played first.
        playback = () if self.playback is None else (self.playback.drop, self.playback.close)
        for end in (*playback, self.capture.close):
            try:
                end()
            except Exception as e:
                log.debug("closing the sound card: %s", e)


def open_card(audio: AudioConfig, rate: int) -> SoundCard:
    """Open capture, and playback where there is one, in exactly the asked format. Raises
    DeviceError.
    """
    aa = alsa_module()
    capture = _open_pcm(aa, "capture", audio.capture, audio.channels, rate, audio)
    playback = None
    try:
        if audio.plays:
            playback = _open_pcm(
                aa, "playback", audio.playback, audio.playback_channels, rate, audio
            )
    except DeviceError:
        capture.close()
        raise
    capture.set_tstamp_mode(aa.PCM_TSTAMP_ENABLE)
    capture.set_tstamp_type(aa.PCM_TSTAMP_TYPE_MONOTONIC)
    return SoundCard(capture, playback, rate, int(capture.info()["buffer_size"]))


def _open_pcm(
    alsaaudio: ModuleType, kind: str, device: str, channels: int, rate: int, audio: AudioConfig
) -> Any:
    """Open and check: the constructor accepts another channel count, rate or format without an
    error. Raises DeviceError.
    """
    direction = {
        "type": alsaaudio.PCM_CAPTURE if kind == "capture" else alsaaudio.PCM_PLAYBACK,
        "mode": alsaaudio.PCM_NONBLOCK if kind == "capture" else alsaaudio.PCM_NORMAL,
        "device": device,
    }
    try:
        pcm = alsaaudio.PCM(
            **direction,
            channels=channels,
            rate=rate,
            format=getattr(alsaaudio, f"PCM_FORMAT_{audio.format}"),
            periodsize=audio.alsa_period_frames,
            periods=audio.alsa_periods,
        )
    except alsaaudio.ALSAAudioError as e:
        raise DeviceError(
            sound_problem(kind, device, str(e), lambda: _offered(alsaaudio, direction))
        ) from e
    info = pcm.info()
    key = "channels" if kind == "capture" else "playback_channels"
    for what, found, needed, remedy in (
        (
            "channels",
            info["channels"],
            channels,
            f"set audio.{key} to what the device gives, or change its firmware",
        ),
        ("Hz", info["rate"], rate, "set excitation.sample_rate_hz to what the device gives"),
        ("format", info["format_name"], audio.format, "set audio.format to what the device gives"),
    ):
        if found != needed:
            pcm.close()
            raise DeviceError(
                f"audio.{kind} {device!r} gives {found} {what}, but {needed} is needed: {remedy}"
            )
    return pcm


def _offered(alsaaudio: ModuleType, direction: dict[str, Any]) -> str:
    """What a device gives where nothing is asked for. Not its ranges: a plug has endless ones."""
    try:
        pcm = alsaaudio.PCM(**direction)
    except alsaaudio.ALSAAudioError:
        return "what `aplay --dump-hw-params` or `arecord --dump-hw-params` says of it"
    info = pcm.info()
    pcm.close()
    return f"what it offers: {info['channels']} channels, {info['rate']} Hz, {info['format_name']}"
