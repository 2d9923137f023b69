"""What the devices heard and saw in a few seconds, judged as the running sensor does."""

import time
from collections.abc import Iterable

from edge.behaviour.mounting.heads_down import HeadsDown
from edge.core.config import Config
from edge.core.contracts import AudioPeriod, Frame, FrameSource
from edge.lifting.lifter import MODELS
from edge.sensor.plan import SensorPlan
from edge.sight.people import PeopleFinder
from edge.sight.visibility import Visibility
from edge.sound.deconvolution import Deconvolver
from edge.sound.health.usable_pairs import NOT_HEARD, SoundHealth
from edge.tools.doctor.finding import Finding, of_problem

# Somebody must be found so soon, and is then watched for so long [s] and in so many images: a slow
# machine gets more time for them, but a camera that gives none does not [s].
_LOOK_S, _WATCH_S = 1.0, 4.0
_LOOK_IMAGES, _WATCH_IMAGES, _NO_IMAGE_S = 5, 20, 5.0


def heard_problems(plan: SensorPlan, periods: Iterable[AudioPeriod]) -> list[Finding]:
    """What is wrong with microphones and loopback; errors where no pair is left to make poses from.

    periods: of the device that `plan` is for, in order.
    """
    config, excitation = plan.config, plan.excitation
    deconvolve = Deconvolver(excitation, plan.rig, config.runtime.window_s, plan.correction)
    health = SoundHealth(
        plan.rig,
        excitation.period_samples / excitation.sample_rate_hz,
        deconvolve.sample_rate_hz,
        config.audio.mic_channels,
        config.audio.reference_channel,
        every_s=0.0,
    )
    for period in periods:
        responses = None
        if period.fault == "":
            responses = deconvolve(period.samples, period.reference, period.delay_samples)
        elif period.fault not in NOT_HEARD:
            continue
        health(period.samples, responses, period.reference)
    deaf = health.usable.rig is None
    return [of_problem("microphones", p, deaf and p.kind != "hum") for p in health.problems]


def seen_problems(config: Config, plan: SensorPlan, camera: FrameSource) -> list[Finding]:
    """Whether the camera can show people, and whether those that it shows, if it shows any, stand
    on their heads.
    """
    find, visibility = PeopleFinder(MODELS), Visibility()
    heads_down = HeadsDown(plan.rig.camera)
    blind: str | None = None
    began = newest = time.monotonic()
    images, seen = 0, False
    while time.monotonic() - began < (_WATCH_S if seen else _LOOK_S) or (
        images < (_WATCH_IMAGES if seen else _LOOK_IMAGES)
        and time.monotonic() - newest < _NO_IMAGE_S
    ):
        frame: Frame | None = camera.read(0.25)
        if frame is None:
            continue
        images += 1
        blind, people = visibility(frame.image), find(frame.image)
        seen = seen or bool(people)
        if problem := heads_down(people, frame.t_ns):
            return [of_problem("camera", problem)]
        newest = time.monotonic()
    if blind is not None and not seen:
        return [Finding("camera", "warning", blind, "light the room, and look at the lens")]
    return []
