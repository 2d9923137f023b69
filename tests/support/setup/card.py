"""A sound card that hears a loudspeaker in a free field, for a whole calibration.

What it hears was recorded beforehand: it takes no other excitation, so calibration must keep to its
band (`edge.tools.calibration.flow.WIDE_HZ = BAND_HZ`).
"""

from pathlib import Path

import numpy as np

from edge.sound.excitation import make_excitation
from tests.support.alsa_device import AlsaTestDevice

BAND_HZ = (2000.0, 7500.0)
# No two are equally far from the loudspeaker: their channels would be copies of each other.
MICS = [[-0.030, 0.071, 0.0], [0.011, 0.090, 0.0], [0.030, 0.049, 0.0], [-0.011, 0.030, 0.0]]
SPEAKER = [0.25, 0.06, 0.0]
_CONFIG = """
[device]
id = "hall"
[mqtt]
enabled = false
[audio]
capture = "{card.capture}"
playback = "{card.playback}"
[camera]
backend = "file"
device = "{film}"
width = 540
height = 952
[calibration]
array = "respeaker-usb-v2"
[rig]
speakers_m = [{speaker}]
mics_m = {mics}
[rig.camera]
fx = 520
fy = 520
cx = 270
cy = 476
"""


def heard(noise: float, speaker: list[float] = SPEAKER) -> np.ndarray:
    """What six channels record of the loudspeaker, free field, and the loopback."""
    x = make_excitation(16000, BAND_HZ, 0.1, -20.0)
    f, spectrum = np.fft.rfftfreq(1600, 1 / 16000), np.fft.rfft(x.samples)
    period = np.zeros((1600, 6))
    for m, mic in enumerate(MICS):
        distance = float(np.linalg.norm(np.subtract(mic, speaker)))
        delayed = spectrum * np.exp(-2j * np.pi * f * distance / 343.42)
        period[:, m + 1] = np.fft.irfft(delayed) * 0.3 / distance
    period[:, 5] = x.samples
    recording = np.tile(period, (40, 1))
    recording += np.random.default_rng(0).normal(0.0, noise, recording.shape)
    return np.rint(np.clip(recording, -1.0, 1.0) * 32767).astype(np.int16)


def write_config(folder: Path, card: AlsaTestDevice, film: Path) -> Path:
    """A configuration of the card and a film for a camera."""
    path = folder / "config.toml"
    path.write_text(_CONFIG.format(card=card, mics=MICS, speaker=SPEAKER, film=film))
    return path
