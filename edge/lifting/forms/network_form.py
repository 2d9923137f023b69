"""What both forms of the fusion network share: their contract, the context vector, and the level
that echoes are measured against.

A form says where in space the network hears (along rays, or in the cells of a volume) and how its
outputs become joints. Training and device call the same functions.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Rig
from edge.lifting.forms.decoded_pose import DecodedPose, Decoding
from edge.lifting.other_people import ALONE, MOST, Echoes
from edge.lifting.person_view import FEATURES, SIZE_LOG, PersonView
from edge.sound.arrivals import gather_points
from edge.sound.pose_kernel import Kernels, pool

# A recording without any noise shows the pulse's faint beginning, and that of limbs held forward,
# as if they were the body's front: wave-simulated people are then put too near, the clearer the
# nearer, also by networks that learned from recordings of up to 45 dB. Interference is taken to be
# at most this far below the echo. Chosen of 10 to 35 dB on wave-simulated rooms; in this project's
# own simulator it makes no difference.
CLEAREST_DB = 16.0
COMPACT_M = 0.4  # a wider rig's pairs see the body from sides that do not add up in phase
SOUND_FEATURES = 5
CONTEXT = FEATURES + N_JOINTS + 1 + 2 * N_JOINTS + SOUND_FEATURES


class Form(Protocol):
    """What a network takes and what its outputs mean.

    log_depth (15,), xy (15, 2): the vision network's estimate of the joints.
    """

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
        others: Echoes = ALONE,
    ) -> tuple[FloatArray, ...]:
        """Sound first, context (CONTEXT,) last, no batch. Without kernels the sound is zeros.

        others: of the other people in view.
        """

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: Decoding,
    ) -> DecodedPose:
        """Logits and residuals (RESIDUALS,) of one person -> joints."""


def network_context(
    view: PersonView, log_depth: npt.ArrayLike, xy: npt.ArrayLike, sound: npt.ArrayLike
) -> FloatArray:
    """The fusion network's input beside the sound (..., CONTEXT): the view, the vision network's
    estimate, and facts about the sound.

    log_depth: (..., 15), xy: (..., 15, 2) normalised. sound: (..., SOUND_FEATURES).
    """
    depth, place = np.asarray(log_depth, np.float32), np.asarray(xy, np.float32)
    hip = depth[..., MID_HIP : MID_HIP + 1]
    flat = place.reshape(*depth.shape[:-1], -1)
    return np.concatenate(
        [
            view.features,
            3.0 * (depth - hip),
            3.0 * (hip + SIZE_LOG),
            flat,
            np.asarray(sound, np.float32),
        ],
        axis=-1,
        dtype=np.float32,
    )


def sound_features(
    rig: Rig, kernels: Kernels | None, compact_m: float = COMPACT_M, others: Echoes = ALONE
) -> FloatArray:
    """Facts (SOUND_FEATURES,): is there sound, pairs in phase, their number, number of others, is
    the noise known. All 0 without sound.
    """
    if kernels is None:
        return np.zeros(SOUND_FEATURES, np.float32)
    pairs, people = min(len(rig.pairs), 8) / 8.0, min(len(others), MOST) / MOST
    noise = kernels.sigma is not None
    return np.array([1.0, rig.extent_m < compact_m, pairs, people, noise], np.float32)


@dataclass(frozen=True, eq=False)
class EchoLevels:
    """What is heard at times of arrival (P, K). echo: (P, K) log level. noise: (P, K) the same of
    the noise alone, None where it is not known. floor: envelope of the interference that was
    assumed.
    """

    echo: Array
    noise: Array | None
    floor: np.float32


def echo_levels(
    kernels: Kernels,
    rig: Rig,
    arrival_s: Array,
    hip_arrival_s: Array,
    pool_m: float,
    gate: tuple[float, float],
) -> EchoLevels:
    """Log envelope at times of arrival (P, K), spherical spreading (r^2) taken out, relative to its
    mean in the gate; and the noise against the same level.

    hip_arrival_s: (P,) of the mid-hip; the gate is given in multiples of it. pool_m: half width of
    the pooling along range [m].
    """
    c, rate = rig.speed_of_sound_m_s, kernels.sample_rate_hz
    pooled = pool(kernels.envelope, rate, pool_m, c)
    floor = clearest_floor(pooled, hip_arrival_s, rate, gate)
    pooled = np.hypot(pooled, floor)
    level = mean_level(pooled, hip_arrival_s, rate, c, gate)
    spreading = (0.5 * c * arrival_s) ** 2
    echo = log_level(gather_points(pooled, arrival_s, rate) * spreading, level)
    if kernels.sigma is None:
        return EchoLevels(echo, None, floor)
    # Not pooled: the root mean square of noise hardly changes within a pulse.
    noise = log_level(gather_points(kernels.sigma, arrival_s, rate) * spreading, level)
    return EchoLevels(echo, noise, floor)


def mean_level(
    pooled: FloatArray, hip_arrival_s: Array, rate_hz: float, c: float, gate: tuple[float, float]
) -> float:
    """Mean over pairs of the envelope (P, T), spreading taken out, in the gate."""
    half_path = np.arange(pooled.shape[1]) / rate_hz * c / 2.0
    total, count = 0.0, 0
    for row, arrival in zip(pooled, hip_arrival_s, strict=True):
        window = _gated(arrival, rate_hz, gate)
        part = row[window] * half_path[window] ** 2
        total, count = total + float(part.sum()), count + len(part)
    return total / max(count, 1) + 1e-12


def clearest_floor(
    pooled: FloatArray, hip_arrival_s: Array, rate_hz: float, gate: tuple[float, float]
) -> np.float32:
    """Envelope of the least interference: CLEAREST_DB below the echo's RMS in the gate."""
    rows = zip(pooled, hip_arrival_s, strict=True)
    heard = np.concatenate([row[_gated(arrival, rate_hz, gate)] for row, arrival in rows])
    power = float(np.mean(heard * heard)) if heard.size else 0.0
    return np.float32(np.sqrt(power) * 10.0 ** (-CLEAREST_DB / 20.0))


def log_level(values: Array, level: float) -> Array:
    """Log of values over a level, with a floor at 1 %, shifted and scaled to about -1.5..2."""
    return np.asarray(0.5 * np.log(values / level + 0.01) + 0.8)


def _gated(arrival_s: float, rate_hz: float, gate: tuple[float, float]) -> slice:
    return slice(int(gate[0] * arrival_s * rate_hz), int(gate[1] * arrival_s * rate_hz) + 1)
