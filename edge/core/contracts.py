"""What a source gives the pipeline: audio periods and camera frames.

The packages `alsa`, `camera` and `session` fulfil these contracts. The configuration names the
source (`source.kind`); nothing falls back from one to another.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray

SourceKind = Literal["device", "simulated", "recorded"]
LEAST_GAIN = 1e-3  # of an `AudioSource`; below it a sound is not worth playing
# What the loudspeaker played of its own accord in a period.
Sounding = Literal["continuous", "burst", "silence"]


@dataclass(frozen=True)
class ChannelMap:
    """Raw channels. mics: in the rig's order. reference: the loopback, None without one."""

    channels: int
    mics: tuple[int, ...]
    reference: int | None


@dataclass(frozen=True, slots=True)
class AudioPeriod:
    """One recorded period of N samples: sample 0 is the excitation's sample 0, less
    `delay_samples`. Or a burst of k periods with the silent one after it: (k + 1) N samples.

    t_ns: CLOCK_MONOTONIC of sample 0 (replay: the session's own clock, shifted to now). samples:
    (M, N) or (M, (k + 1) N) float32, full scale = 1, microphones in the rig's order. reference:
    (N,) or ((k + 1) N,) float32, the loopback channel, or None where the array has none.
    delay_samples: fractional playback-to-capture delay still contained in `samples`; deconvolution
    takes it out. frame: number of sample 0 by the capture clock, None where unknown. fault: "" for
    a good period; otherwise why it must not be used ("xrun", "gap", "no reference", ...).

    sounding: what the loudspeaker played of its own accord; what other programs play only the
    reference shows. burst: k, 0 where no burst sounds. gain: share of the full level it was played
    at; without a reference `samples` of sound, but not of silence, are divided by it already.
    """

    index: int
    t_ns: int
    samples: FloatArray
    reference: FloatArray | None
    delay_samples: float = 0.0
    fault: str = ""
    frame: int | None = None
    sounding: Sounding = "continuous"
    burst: int = 0
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image. image: (H, W, 3) uint8, RGB. t_ns: CLOCK_MONOTONIC at mid-exposure."""

    index: int
    t_ns: int
    image: npt.NDArray[np.uint8]


@dataclass(slots=True)
class AudioCounters:
    """What went wrong so far; only ever grows."""

    periods: int = 0
    xruns: int = 0
    gaps: int = 0
    reopened: int = 0
    dropped: int = 0
    last_error: str = ""


@dataclass(slots=True)
class CameraCounters:
    """What went wrong so far; only ever grows."""

    frames: int = 0
    dropped: int = 0
    reopened: int = 0
    last_error: str = ""


class AudioSource(Protocol):
    """Plays the excitation and gives what the microphones heard, period by period, on one clock.

    Until told otherwise it plays the continuous excitation. adjustable: whether probes can be asked
    for; what is recorded already is as it is.
    """

    counters: AudioCounters
    adjustable: bool

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """Next period; None when none came in time. Raises EndOfStreamError or DeviceError."""

    def set_muted(self, muted: bool) -> None:
        """Silence the loudspeaker at once; recording goes on."""

    def set_gain(self, gain: float) -> None:
        """Lower the loudspeaker at once to this share, 0.001..1; responses stay as at 1."""

    def set_continuous(self, on: bool) -> None:
        """Play the excitation without a gap, or only the bursts that are asked for."""

    def probe(self, periods: int, gain: float) -> None:
        """Play one burst of 1..5 periods from the next boundary on, at this share of the full
        level, at most at that of `set_gain`. Dropped while one is pending or sounding, and while
        the continuous excitation plays or the loudspeaker is muted.
        """

    def close(self) -> None:
        """Stop sound and release the device; safe to call twice."""


class FrameSource(Protocol):
    """Gives camera images."""

    counters: CameraCounters

    def read(self, timeout_s: float) -> Frame | None:
        """Next image; None when none came in time. Raises EndOfStreamError or DeviceError."""

    def close(self) -> None:
        """Release the camera; safe to call twice, and from another thread than the reader's."""


@dataclass(slots=True)
class Source:
    """Both devices of one rig. kind: where their data comes from, which every message repeats."""

    kind: SourceKind
    audio: AudioSource
    frames: FrameSource
    description: str = ""
    empty_until_ns: int = 0
    notes: list[str] = field(default_factory=list)

    def close(self) -> None:
        """Close sound first: silence matters more than the camera."""
        self.audio.close()
        self.frames.close()


ProblemDevice = Literal["sound", "camera", "room"]


@dataclass(frozen=True, slots=True)
class Problem:
    """device: that has it. part: of it, as "microphone 2 (channel 3)". kind: one word, the same for
    the same problem. found, cause, remedy: a clause each; cause: the likely one.
    """

    device: ProblemDevice
    part: str
    kind: str
    found: str
    cause: str
    remedy: str

    @property
    def what(self) -> str:
        """What is wrong with what."""
        return f"{self.part} {self.found}"

    def __str__(self) -> str:
        return f"{self.what}; likely cause: {self.cause}; {self.remedy}"
