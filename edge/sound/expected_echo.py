"""How loud a body's echo should be beside the noise: whether silence at its place means anything.

A body of target strength TARGET_DB at r1 from the loudspeaker and r2 from the microphone echoes
10^(TARGET_DB/20) / (r1 r2) of the direct sound at 1 m, which the response of the room itself shows.
The noise is the level that a quarter of the pose kernel stays below: echoes fill the rest. Of 120
simulated people (field conditions, 0-20 dB) the expected echo lies 6 dB above it for nine in ten.
"""

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, ComplexArray
from edge.core.rig import Rig
from edge.sound.pose_kernel import Kernels

TARGET_DB = -12.0
_DIRECT_S = 1e-3  # the direct sound's peak lies within this of its time of arrival
_QUIET_SHARE = 0.25
# Of noise, whose power is exponentially distributed, this quantile over its mean.
_QUIET_OVER_MEAN = -np.log(1.0 - _QUIET_SHARE)


def echo_over_noise_db(
    places: npt.ArrayLike, responses: ComplexArray, kernels: Kernels, rig: Rig
) -> Array:
    """Expected echo over noise (Q,) [dB] of bodies at places (Q, 3) [m], camera frame.

    responses: (P, T) analytic, of the same pairs as the kernels, with the room still in them.
    """
    at = np.asarray(places, np.float64).reshape(-1, 3)
    s, m = rig.pairs[:, 0], rig.pairs[:, 1]
    to_speaker = np.linalg.norm(rig.speakers[s][:, None] - at, axis=-1)
    to_mic = np.linalg.norm(rig.mics[m][:, None] - at, axis=-1)
    echo = direct_at_1_m(responses, kernels.sample_rate_hz, rig)[:, None] / (to_speaker * to_mic)
    quiet = np.quantile(kernels.envelope.astype(np.float64) ** 2, _QUIET_SHARE)
    noise = float(quiet) / _QUIET_OVER_MEAN + 1e-30
    return np.asarray(TARGET_DB + 10.0 * np.log10(np.mean(echo**2, axis=0) / noise + 1e-12))


def direct_at_1_m(responses: ComplexArray, sample_rate_hz: float, rig: Rig) -> Array:
    """Amplitude (P,) of the direct sound, at 1 m from the loudspeaker."""
    arrival = rig.direct_arrival_s
    first = np.maximum((arrival - _DIRECT_S) * sample_rate_hz, 0.0).astype(np.int64)
    last = ((arrival + _DIRECT_S) * sample_rate_hz).astype(np.int64) + 1
    peaks = [
        float(np.abs(row[a:b]).max(initial=0.0))
        for row, a, b in zip(responses, first, last, strict=True)
    ]
    return np.array(peaks) * arrival * rig.speed_of_sound_m_s
