"""The echo against distance as a small message: the kernels' mean envelope, for people to see."""

import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from edge.core.config import Config
from edge.core.contracts import SourceKind
from edge.output.messages.fields import (
    ClockNs,
    DataSource,
    DeviceId,
    Message,
    Published,
    UtcTime,
    note,
    timestamp,
)
from edge.sound.pose_kernel import Kernels

BINS = 96
NEAREST_M = 0.5
_FLOOR_DB = -160.0  # of silence


def echo_profile(
    kernels: Kernels, speed_of_sound_m_s: float, edges_m: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Mean power over the pairs between neighbouring edges (B + 1,) of half the path [m] -> level
    (B,) [dB].

    0 dB: a path that hands on what was played at full strength. Bins may be narrower than a sample.
    """
    power = np.mean(np.square(kernels.envelope, dtype=np.float64), axis=0)
    edges = edges_m * (2.0 / speed_of_sound_m_s * kernels.sample_rate_hz)
    energy = np.interp(
        edges + 0.5, np.arange(len(power) + 1), np.concatenate([[0.0], np.cumsum(power)])
    )
    return np.asarray(
        10.0 * np.log10(np.diff(energy) / np.diff(edges) + 10.0 ** (_FLOOR_DB / 10.0))
    )


class EnvelopeKeeper:
    """Call `tick` with each image: it publishes the newest pose kernels' profile, at most
    mqtt.envelope_rate_hz times a second.

    Without new sound nothing is published. newest_kernels: the newest pose kernels and the
    CLOCK_MONOTONIC of their sound's middle [ns], None while there are none. clock: seconds, of the
    rate.
    """

    def __init__(
        self,
        config: Config,
        source: SourceKind,
        newest_kernels: Callable[[], tuple[int, Kernels] | None],
        speed_of_sound_m_s: float,
        publish: Callable[[Message], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id, self._source = config.device.id, source
        self._newest_kernels, self._speed_m_s = newest_kernels, speed_of_sound_m_s
        self._publish, self._clock = publish, clock
        rate_hz = config.mqtt.envelope_rate_hz
        self._spacing_s = 1.0 / rate_hz if rate_hz else None
        self._edges_m = np.linspace(NEAREST_M, config.lifter.max_range_m, BINS + 1)
        self._published_s = -np.inf
        self._published_ns: int | None = None

    def tick(self) -> None:
        """Publish, where it is time and something new was heard."""
        newest, now = self._newest_kernels(), self._clock()
        if self._spacing_s is None or newest is None or now - self._published_s < self._spacing_s:
            return
        middle_ns, kernels = newest
        if middle_ns == self._published_ns:
            return
        self._published_s, self._published_ns = now, middle_ns
        level = echo_profile(kernels, self._speed_m_s, self._edges_m)
        utc_ns = time.time_ns() - (time.monotonic_ns() - middle_ns)
        self._publish(
            envelope_message(
                self._id, self._edges_m, level, source=self._source, utc_ns=utc_ns, t_ns=middle_ns
            )
        )


class EnvelopeMessage(Published, frozen=True, tag="posekernel.envelope/1"):
    """Echo strength against distance, the empty room taken away, for people to look at: at most
    mqtt.envelope_rate_hz times a second at <base topic>/<device id>/envelope, QoS 0, JSON, not
    retained, and only while there is new sound. Readers must ignore properties they do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("Middle of the sound: UTC, ISO 8601, ms.")]
    monotonic_ns: ClockNs
    source: DataSource
    first_m: Annotated[
        float, Meta(gt=0.0, description="Middle of the first bin: half the path of the sound [m].")
    ]
    step_m: Annotated[
        float, Meta(gt=0.0, description="Width of a bin, and distance of their middles [m].")
    ]
    level_db: Annotated[
        list[float],
        Meta(
            min_length=BINS,
            max_length=BINS,
            description="Mean power over all pairs in each bin [dB]; 0 dB: a path that returns "
            "what was played at full strength.",
        ),
    ]


def envelope_message(
    device_id: str,
    edges_m: npt.NDArray[np.float64],
    level_db: npt.NDArray[np.float64],
    *,
    source: SourceKind,
    utc_ns: int,
    t_ns: int,
) -> Message:
    """Levels (BINS,) between edges (BINS + 1,), JSON-ready. t_ns: CLOCK_MONOTONIC of the sound."""
    return EnvelopeMessage(
        id=device_id,
        timestamp=timestamp(utc_ns),
        monotonic_ns=int(t_ns),
        source=source,
        first_m=round(float(edges_m[0] + edges_m[1]) / 2.0, 4),
        step_m=round(float(edges_m[1] - edges_m[0]), 6),
        level_db=[round(float(v), 1) + 0.0 for v in level_db],
    ).as_message()
