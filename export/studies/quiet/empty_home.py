"""What the sensor has learned of the empty room before the evening begins."""

import math
from dataclasses import replace

import numpy as np

from edge.core.config import SensingConfig
from edge.core.errors import PosekernelError
from edge.sensor.empty_room import PeriodResponses
from edge.sensor.permissions import KEEP_ALIVE_PING_S
from edge.sensor.pipeline import Pipeline
from edge.sensor.posing.listening import Attention
from edge.sensor.probing import RoomKnowledge, due
from edge.sound.room.background import FIRST_PERIODS
from export.bodies.acting import RATE_HZ
from export.simulate.evening.ambience import white_rms
from export.simulate.evening.home import Evening
from export.simulate.evening.live_source import START_NS, SimulatedAudio
from export.simulate.evening.loudspeaker import Loudspeaker
from export.simulate.evening.responses import EVERY_S, Responses
from export.simulate.evening.room_stream import RoomStream
from export.simulate.moving.homes import LEARNED_SWING

SILENCE_S = 3.0  # heard before the first probe
KEPT_ALIVE = 10  # probes of the empty room before the evening, beyond the first ones


def learn_continuously(evening: Evening, responses: Responses) -> None:
    """Let the evening's background learn the empty room from the continuous excitation."""
    rng = np.random.default_rng([*evening.seed, 24])
    stream = RoomStream(evening, responses, Loudspeaker(evening).pascal)
    signal = evening.sound.signal
    noise_rms = white_rms(stream.noise, signal.sample_rate_hz, signal.band_hz)
    evening.sound.learn_empty(noise_rms, rng)
    if rng.random() < LEARNED_SWING:
        evening.sound.learn_drift(noise_rms, rng)


def learn_from_bursts(evening: Evening, responses: Responses, pipeline: Pipeline) -> None:
    """Let a pipeline learn the empty room as the scheduler does it, within its budget: the first
    probes, and one for each keep-alive of the minutes before.
    """
    keep_alive_s = SensingConfig().keep_alive_s
    audio = SimulatedAudio(*_empty(evening, responses))
    audio.set_continuous(False)
    audio.now_ns = START_NS + 10**15
    background, use = pipeline.room.background, pipeline.sound_use
    background.forget()
    silence_ns = START_NS - round(1e9 * keep_alive_s * (FIRST_PERIODS + KEPT_ALIVE + 1))
    for n in range(round(SILENCE_S * RATE_HZ)):
        _hear(audio, pipeline, silence_ns + round(1e9 * n / RATE_HZ))
    for k in range(-FIRST_PERIODS - KEPT_ALIVE, 0):
        t_ns = START_NS + round(1e9 * keep_alive_s * k)
        learned = k >= -KEPT_ALIVE
        probe = due(
            Attention(t_ns),
            RoomKnowledge(learned, learned, keep_alive_s),
            use,
            math.inf,
            t_ns * 1e-9,
            keep_alive_s,
        )
        if probe is None:
            raise PosekernelError("the scheduler sends no probe into an empty room")
        audio.probe(probe.periods, probe.gain)
        heard = None
        while heard is None:  # what was decided before the probe is silence
            heard = _hear(audio, pipeline, t_ns)
        background.step(heard.responses, heard.middle_ns, (), burst=True, noise=heard.sigma)
    pipeline.resume()


def learn_from_pings(evening: Evening, responses: Responses, pipeline: Pipeline) -> None:
    """Let a pipeline follow the empty room by its pings, one for each keep-alive of the minutes
    before.
    """
    keep_alive_s, periods = SensingConfig().keep_alive_s, round(KEEP_ALIVE_PING_S * RATE_HZ)
    audio = SimulatedAudio(*_empty(evening, responses))
    audio.now_ns = START_NS + 10**15
    for _ in range(periods):  # until the sound is steady
        audio.read(0.0)
    for k in range(-KEPT_ALIVE, 0):
        for n in range(periods):
            t_ns = START_NS + round(1e9 * (keep_alive_s * k + n / RATE_HZ))
            heard = _hear(audio, pipeline, t_ns)
            if heard is not None:
                pipeline.room.background.step(heard.responses, heard.middle_ns, ())
    pipeline.resume()


def _hear(audio: SimulatedAudio, pipeline: Pipeline, t_ns: int) -> PeriodResponses | None:
    """The next period or burst, as if it came at t_ns."""
    period = audio.read(0.0)
    assert period is not None
    return pipeline.hear(replace(period, t_ns=t_ns))


def _empty(evening: Evening, responses: Responses) -> tuple[Evening, Responses]:
    """As long as it takes, with nobody there and the air as at the beginning."""
    periods = round(2 * KEEP_ALIVE_PING_S * RATE_HZ) * (FIRST_PERIODS + KEPT_ALIVE)
    nodes = int(periods / RATE_HZ / EVERY_S) + 2
    still = np.repeat(responses.empty[:1], nodes, axis=0)
    nobody = replace(evening, roles=(), warmth_c=np.full(periods, evening.warmth_c[0]))
    return nobody, Responses((), still)
