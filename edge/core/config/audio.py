"""Sections [excitation] and [audio]: what is played, and through which sound card."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.core.typed import Strict


class ExcitationConfig(Strict, frozen=True):
    """The periodic signal. level_dbfs: its highest peak, dB of full scale; [sound] says how much of
    it is used.
    """

    sample_rate_hz: Annotated[int, Meta(ge=8000, le=96000)] = 16000
    band_hz: tuple[float, float] = (2000.0, 7500.0)
    period_s: Annotated[float, Meta(ge=0.05, le=0.5)] = 0.1
    level_dbfs: Annotated[float, Meta(ge=-60.0, le=-6.0)] = -20.0

    @property
    def period_samples(self) -> int:
        """Samples in one period."""
        return round(self.sample_rate_hz * self.period_s)


class AudioConfig(Strict, frozen=True):
    """ALSA devices and channel map. reference_channel: the loopback, -1 where the array has none.
    playback: "" never opens one: only what other programs play is listened to.

    The buffer holds alsa_period_frames * alsa_periods frames, half a second by default. A program
    that is held up for longer loses sound.
    """

    capture: str = "default"
    playback: str = "default"
    channels: Annotated[int, Meta(ge=1, le=64)] = 6
    mic_channels: tuple[int, ...] = (1, 2, 3, 4)
    reference_channel: Annotated[int, Meta(ge=-1, le=63)] = 5
    playback_channels: Annotated[int, Meta(ge=1, le=8)] = 1
    format: Literal["S16_LE", "S32_LE"] = "S16_LE"
    alsa_period_frames: Annotated[int, Meta(ge=32, le=16384)] = 320
    alsa_periods: Annotated[int, Meta(ge=2, le=64)] = 25

    @property
    def plays(self) -> bool:
        """The sensor may play sound of its own."""
        return self.playback != ""
