"""A live source in simulated time: an evening's array and camera, as the runtime's contracts have
them. The camera leads: its newest image is now.
"""

import numpy as np

from edge.core.arrays import FloatArray, Image
from edge.core.contracts import LEAST_GAIN, AudioCounters, AudioPeriod, CameraCounters, Frame
from edge.core.errors import EndOfStreamError
from export.bodies.acting import RATE_HZ
from export.simulate.evening.ambience import PASCAL_AT_0_DB
from export.simulate.evening.home import Evening
from export.simulate.evening.loudspeaker import Loudspeaker
from export.simulate.evening.playback import Playback, PlayedPeriod
from export.simulate.evening.responses import Responses
from export.simulate.evening.room_stream import RoomStream

START_NS = 1_000_000_000
PERIOD_NS = round(1e9 / RATE_HZ)
LATE_NS = 60_000_000  # from an image to its turn: sound goes on to be heard


class SimulatedAudio:
    """See `AudioSource`; what is set acts from the next period on. own_pa2: (K,) mean square of the
    sensor's own sound in each period, A-weighted, at 1 m [Pa^2].
    """

    adjustable = True

    def __init__(
        self, evening: Evening, responses: Responses, program: FloatArray | None = None
    ) -> None:
        """program: (L,) what other programs play through the loudspeaker; repeated."""
        self.counters = AudioCounters()
        self.now_ns = START_NS
        self.loudspeaker = Loudspeaker(evening)
        self._evening = evening
        self._stream = RoomStream(evening, responses, self.loudspeaker.pascal)
        self._playback = Playback(evening.sound.signal, program)
        self._played: list[PlayedPeriod] = []
        self._next, self._closed = 0, False
        self.own_pa2 = np.zeros(evening.periods)

    def read(self, timeout_s: float) -> AudioPeriod | None:
        """The next period or burst that has passed; None where none has."""
        if self._closed or self._next >= self._evening.periods - 8:
            raise EndOfStreamError("the evening is over")
        first = self._play_until(self._next)
        last = self._next + first.burst
        if START_NS + (last + 1) * PERIOD_NS > self.now_ns:
            return None
        recorded = []
        for k in range(self._next, last + 1):
            self._play_until(k + 1)
            recorded.append(self._stream.take(k))
        channels = np.concatenate(recorded, axis=1)
        index, self._next = self._next, last + 1
        self.counters.periods += 1
        sound = self._evening.sound
        return AudioPeriod(
            index,
            START_NS + index * PERIOD_NS,
            np.ascontiguousarray(channels[:-1]),
            channels[-1],
            sound.delay_samples,
            first.fault,
            index * sound.signal.period_samples,
            first.sounding,
            first.burst,
            first.gain,
        )

    def set_muted(self, muted: bool) -> None:
        """See `AudioSource`."""
        self._playback.muted = muted

    def set_gain(self, gain: float) -> None:
        """See `AudioSource`."""
        self._playback.gain = min(max(gain, LEAST_GAIN), 1.0)

    def set_continuous(self, on: bool) -> None:
        """See `AudioSource`."""
        self._playback.continuous = on

    def probe(self, periods: int, gain: float) -> None:
        """See `AudioSource`."""
        self._playback.probe(periods, gain)

    def close(self) -> None:
        """Later reads raise EndOfStreamError."""
        self._closed = True

    def _play_until(self, period: int) -> PlayedPeriod:
        """Play up to this period; returns it."""
        while len(self._played) <= period:
            k, played = len(self._played), self._playback.next()
            self._played.append(played)
            self._stream.add(k, played.mixed)
            if played.own.any():
                self.own_pa2[k] = PASCAL_AT_0_DB**2 * 10.0 ** (
                    self.loudspeaker.dba(played.own) / 10.0
                )
        return self._played[period]


class SimulatedCamera:
    """See `FrameSource`. Each image is all grey: `Sights` knows what is to be seen in it."""

    def __init__(self, evening: Evening, audio: SimulatedAudio, every: int) -> None:
        """every: of how many periods one has an image, at its middle."""
        self.counters = CameraCounters()
        self._evening, self._audio, self._every = evening, audio, every
        self._index, self._closed = 0, False
        camera = evening.sound.scene.rig.true.camera
        stripes = np.where(np.arange(camera.width // 8) // 8 % 2 == 0, 60, 180)
        shape = (camera.height // 8, camera.width // 8, 3)
        self._image: Image = np.broadcast_to(stripes[None, :, None], shape).astype(np.uint8)

    def read(self, timeout_s: float) -> Frame:
        """The next image; it is now, and `LATE_NS` later."""
        period = self._index * self._every
        if self._closed or period >= self._evening.periods - 8:
            raise EndOfStreamError("the evening is over")
        t_ns = START_NS + period * PERIOD_NS + PERIOD_NS // 2
        self._audio.now_ns = t_ns + LATE_NS
        frame = Frame(self._index, t_ns, self._image)
        self._index += 1
        self.counters.frames += 1
        return frame

    def close(self) -> None:
        """Later reads raise EndOfStreamError."""
        self._closed = True
