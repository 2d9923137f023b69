"""Whether every microphone still works, judged from what the pose kernels are made of.

A period of raw sound tells a channel that is silent, stuck, clipped, humming or a copy of another;
the direct sound in the impulse responses tells one that is deaf, too soft or too loud beside its
siblings, and two that were exchanged. A verdict needs most of the last periods to agree.
"""

from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import ComplexArray, FloatArray
from edge.core.rig import Rig
from edge.sound.health.direct_sound_faults import DirectSoundFaults
from edge.sound.health.raw_sound_faults import FaultKind, Found, RawSoundFaults

# Stands for the loopback channel in place of a microphone's number.
LOOPBACK = -1
# Judgements that are remembered, and how many of them must agree.
REMEMBERED, AGREEING = 8, 6
_NEED_RESPONSES = ("deaf", "soft", "loud", "exchanged")


@dataclass(frozen=True, slots=True)
class MicrophoneFault:
    """microphone: row of `rig.mics`, or LOOPBACK. figure: what was measured, in words. other: the
    microphone that it copies or is exchanged with.
    """

    microphone: int
    kind: FaultKind
    figure: str
    other: int | None = None

    @property
    def spoils(self) -> bool:
        """Whether no pose must be made from this channel."""
        return self.kind not in _harmless(self.microphone)


class MicrophoneHealth:
    """Judges the microphones of one rig; call it with periods of sound, a few a second are enough.

    Of every group of copies all but the first are named. Where only two microphones differ in
    level, the softer one is named. `faults` holds what is certain by now.
    """

    def __init__(self, rig: Rig, period_s: float, response_rate_hz: float) -> None:
        """period_s: length of the periods [s]. response_rate_hz: sample rate of the responses."""
        self._raw = RawSoundFaults(period_s)
        self._direct = DirectSoundFaults(rig, response_rate_hz)
        self._recent: deque[Found] = deque(maxlen=REMEMBERED)
        self.faults: tuple[MicrophoneFault, ...] = ()

    def forget(self) -> None:
        """Start anew, as after the device was opened again."""
        self._recent.clear()
        self.faults = ()

    def __call__(
        self,
        samples: FloatArray,
        responses: ComplexArray | None,
        reference: FloatArray | None = None,
    ) -> tuple[MicrophoneFault, ...]:
        """The faults that are certain after this period.

        samples: (M, N) raw sound, full scale = 1. responses: (P, T) impulse responses of it, None
        while the loudspeaker is silent: then only what the raw sound tells is judged, and what the
        responses told before stays. reference: (N,) of the loopback channel, where there is one and
        the loudspeaker sounds.
        """
        found = self._channel_faults(samples, reference)
        if responses is None:
            before = self._recent[-1] if self._recent else {}
            found |= {k: v for k, v in before.items() if k[1] in _NEED_RESPONSES}
        else:
            spoilt = {m for m, kind, _ in found if kind not in _harmless(m)}
            if LOOPBACK not in spoilt:  # the responses mean nothing without it
                found |= self._direct(responses, spoilt)
        self._recent.append(found)
        count = Counter(key for one in self._recent for key in one)
        newest = {key: figure for one in self._recent for key, figure in one.items()}
        self.faults = tuple(
            MicrophoneFault(m, kind, newest[m, kind, other], other)
            for (m, kind, other), n in sorted(count.items(), key=lambda item: item[0][:2])
            if n >= AGREEING
        )
        return self.faults

    def _channel_faults(self, samples: FloatArray, reference: FloatArray | None) -> Found:
        """Of microphones and loopback: the loopback is judged as one more channel, the last."""
        if reference is None:
            return self._raw(samples)
        last = len(samples)
        found = self._raw(np.concatenate([samples, reference[None]]))
        return {
            (LOOPBACK if m == last else m, kind, other): figure
            for (m, kind, other), figure in found.items()
            if not (m == last and kind == "hum")
        }


def _harmless(microphone: int) -> tuple[FaultKind, ...]:
    """Hum lies below the band. A loopback that is clipped still tells when the sound was played."""
    return ("hum", "clipped") if microphone == LOOPBACK else ("hum",)
