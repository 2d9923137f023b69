"""From periods of sound to impulse responses, bursts and silence included."""

import logging
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import ComplexArray, FloatArray
from edge.core.config import Config
from edge.core.contracts import AudioPeriod
from edge.core.rig import Rig
from edge.sensor.apply_calibration import loudness_of, sensitivity_of
from edge.sensor.empty_room import PeriodResponses
from edge.sound.ambient import AmbientNoise
from edge.sound.burst import make_burst
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import Excitation
from edge.sound.health.usable_pairs import NOT_HEARD, SoundHealth
from edge.sound.program.listener import PROGRAM_S, HeardProgram, ProgramListener
from edge.sound.sound_budget import SoundUse

log = logging.getLogger(__name__)

SETTLE_S = 1.0  # after a pause the loudspeaker needs this long until its sound is steady


@dataclass(slots=True)
class Counters:
    """Totals since the start. frames_dropped: were looked at, but a newer frame came first. poses:
    of people, so that two in one frame are two. estimates: frames with at least one pose.
    """

    frames: int = 0
    frames_dropped: int = 0
    estimates: int = 0
    poses: int = 0
    poses_from_sound: int = 0
    periods: int = 0
    periods_faulty: int = 0


class Hearing:
    """Call it with every period, on one thread.

    silent: set from other threads; the loudspeaker is off on purpose, so a missing excitation is no
    fault. in_bursts: what it played last was silence or a burst. sound_use: what was played. Raises
    ConfigError where the window does not fit.
    """

    def __init__(
        self,
        config: Config,
        rig: Rig,
        excitation: Excitation,
        correction: Correction | None,
        counters: Counters,
    ) -> None:
        self.silent = self.in_bursts = False
        self._counters = counters
        n, rate = excitation.period_samples, excitation.sample_rate_hz
        self.period_ns = round(1e9 * n / rate)
        self._rig, self._excitation, self._correction = rig, excitation, correction
        self._window_s = config.runtime.window_s
        self.deconvolve = Deconvolver(excitation, rig, self._window_s, correction)
        self._of_bursts: dict[int, Deconvolver] = {}
        self.sound_use = SoundUse(
            config.sound.limits_dba,
            loudness_of(config),
            excitation,
            AmbientNoise(len(rig.mics), n, rate, sensitivity_of(config)),
        )
        device = config.source.kind == "device"
        self.health = SoundHealth(
            rig,
            self.period_ns / 1e9,
            self.deconvolve.sample_rate_hz,
            config.audio.mic_channels if device else (),
            config.audio.reference_channel if device else None,
        )
        self._plays = config.audio.playback != ""
        self._heeds_programs = config.sound.use_program_sound and len(rig.speakers) == 1
        self._program: ProgramListener | None = None  # made when it is first needed
        self._silent_ns: int | None = None  # of the newest period while silent
        self._fault = ""

    def forget(self) -> None:
        """Call between two sources."""
        self.in_bursts, self._fault = False, ""
        self.health.forget()
        if self._program is not None:
            self._program.forget()

    def __call__(
        self, period: AudioPeriod, room: ComplexArray | None = None
    ) -> PeriodResponses | None:
        """Impulse responses of one period or burst, or of the last second of another program's
        sound; None for what must not be used. room: the empty room as it must sound now, (P, T).
        """
        self._counters.periods += 1
        self.sound_use.hear(period)
        if self.silent:
            self._silent_ns = period.t_ns
        paused = self._silent_ns is not None and period.t_ns - self._silent_ns < SETTLE_S * 1e9
        self.in_bursts = period.sounding != "continuous"
        # While our own sound goes on without a pause, it tells more.
        if self._heeds_programs and not self._goes_on:
            program = self._listener()
            heard = program(period, room, self.sound_use.ambient.power())
            if program.sounding:
                self.in_bursts = True
                self.health(period.samples, None, period.reference)
                return None if heard is None else self._of_program(period, heard)
        if period.sounding == "silence":
            self.health(period.samples, None, None)
            return None
        if paused and period.fault in NOT_HEARD:
            self.health(period.samples, None, None)
            return None
        if period.fault != self._fault:
            level = logging.WARNING if period.fault else logging.INFO
            log.log(level, "sound: %s", period.fault or "good again")
            self._fault = period.fault
        if period.fault:
            self._counters.periods_faulty += 1
            if period.fault in NOT_HEARD:
                self.health(period.samples, None, period.reference)
            return None
        deconvolve = self._deconvolver(period.burst)
        responses = deconvolve(period.samples, period.reference, period.delay_samples)
        n, reference = self.deconvolve.period_samples, period.reference
        self.health(period.samples[:, :n], responses, None if reference is None else reference[:n])
        sigma = self._noise(deconvolve, period)
        middle_ns = period.t_ns + max(period.burst, 1) * self.period_ns // 2
        return PeriodResponses(
            period.index, middle_ns, responses, self.health.usable, sigma, period.burst
        )

    @property
    def _goes_on(self) -> bool:
        """Whether our own sound has no pauses but those of a mute."""
        return self._plays and self.sound_use.limits_dba is None

    def _listener(self) -> ProgramListener:
        if self._program is None:
            self._program = ProgramListener(
                self._excitation, self._rig, self.deconvolve, self._correction
            )
        return self._program

    def _of_program(self, period: AudioPeriod, heard: HeardProgram) -> PeriodResponses:
        """As of a burst that lasted as long."""
        return PeriodResponses(
            period.index,
            heard.middle_ns,
            heard.responses,
            self.health.usable,
            heard.sigma,
            round(PROGRAM_S * 1e9 / self.period_ns),
            heard.noise,
        )

    def _deconvolver(self, burst: int) -> Deconvolver:
        """Of the continuous form, or of bursts of so many periods."""
        if burst == 0:
            return self.deconvolve
        if burst not in self._of_bursts:
            self._of_bursts[burst] = Deconvolver(
                make_burst(self._excitation, burst), self._rig, self._window_s, self._correction
            )
        return self._of_bursts[burst]

    def _noise(self, deconvolve: Deconvolver, period: AudioPeriod) -> FloatArray | None:
        """What the room's own noise leaves in the responses (P, T), by what was heard in silence;
        None before enough of that was heard.
        """
        power = self.sound_use.ambient.power()
        if power is None:
            return None
        gain = 1.0 if period.reference is not None else period.gain
        sigma = deconvolve.noise_of_last(power) / np.float32(gain)
        shape = len(sigma), deconvolve.window_samples
        return np.ascontiguousarray(np.broadcast_to(sigma[:, None], shape), np.float32)
