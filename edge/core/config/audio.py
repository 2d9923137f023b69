"""Sections [excitation] and [audio]: what is played, and through which sound card."""

from dataclasses import dataclass

from edge.core.toml_fields import choice, limited


@dataclass(frozen=True)
class ExcitationConfig:
    """The periodic signal. level_dbfs: peak, dB of full scale; the cap protects ears and
    loudspeakers.
    """

    sample_rate_hz: int = limited(16000, 8000, 96000)
    band_hz: tuple[float, float] = (2000.0, 7500.0)
    period_s: float = limited(0.1, 0.05, 0.5)
    level_dbfs: float = limited(-20.0, -60.0, -6.0)

    @property
    def period_samples(self) -> int:
        """Samples in one period."""
        return round(self.sample_rate_hz * self.period_s)


@dataclass(frozen=True)
class AudioConfig:
    """ALSA devices and channel map. reference_channel: the loopback, -1 where the array has none.

    The buffer, alsa_period_frames * alsa_periods, is what a busy moment may last without a loss:
    half a second by default.
    """

    capture: str = "default"
    playback: str = "default"
    channels: int = limited(6, 1, 64)
    mic_channels: tuple[int, ...] = (1, 2, 3, 4)
    reference_channel: int = limited(5, -1, 63)
    playback_channels: int = limited(1, 1, 8)
    format: str = choice("S16_LE", ("S16_LE", "S32_LE"))
    alsa_period_frames: int = limited(320, 32, 16384)
    alsa_periods: int = limited(25, 2, 64)
