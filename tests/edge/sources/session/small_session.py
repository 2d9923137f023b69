"""A session of noise and plain pictures, small enough to damage in many ways."""

from pathlib import Path

import numpy as np

from edge.core.config import ExcitationConfig
from edge.core.rig import Camera, Rig
from edge.sources.session.writer import SessionWriter

X = ExcitationConfig(
    sample_rate_hz=16000, band_hz=(2000.0, 7500.0), period_s=0.05, level_dbfs=-20.0
)
N, CHANNELS, PERIODS, FRAMES = X.period_samples, 3, 40, 30
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(64, 48, 50.0, 50.0, 32.0, 24.0, height_m=1.2, tilt_deg=5.0),
    speed_of_sound_m_s=343.0,
)
START_NS = 5_000_000_000


def picture(k: int) -> np.ndarray:
    """(48, 64, 3) RGB whose red grows with k."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 0], image[..., 2] = 8 * k, 60
    return image


def sound(k: int) -> np.ndarray:
    return np.random.default_rng(k).integers(-30000, 30000, (N, CHANNELS)).astype(np.int16)


def fill(writer: SessionWriter, periods: int = PERIODS, frames: int = FRAMES) -> None:
    for k in range(periods):
        writer.add_period(
            sound(k), START_NS + k * 50_000_000, "capture xrun" if k in (3, 7) else ""
        )
    for k in range(frames):
        writer.add_frame(picture(k), START_NS + k * 66_666_667)


def make(path: Path) -> SessionWriter:
    return SessionWriter(
        path,
        source="recorded",
        rig=RIG,
        excitation=X,
        channels=CHANNELS,
        mic_channels=(2, 0),
        reference_channel=None,
        description="a test",
        licence="CC0",
        empty_until_s=0.5,
        start_ns=START_NS,
    )
