"""Tries presence and the path of a fall."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from edge.core.config import Config
from edge.core.errors import PosekernelError
from edge.core.typed import Strict
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say
from edge.tools.setup.trial import PresenceTrial, try_fall, try_presence


class TrialAnswers(Strict, frozen=True):
    """[test]. presence: look for somebody for `seconds`. fall: send a test message."""

    presence: bool = True
    fall: bool = True
    seconds: Annotated[float, Meta(ge=3.0, le=300.0)] = 20.0


class TrialStep:
    """Changes nothing in the configuration."""

    name, title, answers = "test", "Try it", TrialAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """Both can be left out."""
        told = (
            "The test of a fall goes through detection, message and broker to a topic of its own "
            "and says that it is a test: no automation gets a fall. To try yours, run its actions "
            "by hand in Home Assistant.",
        )
        questions = (
            Question("presence", "Walk about in front of the camera, to be seen", True, "yes"),
            Question("fall", "Send a test along the way of a fall", True, "yes"),
        )
        return Asked(questions, told)

    def settle(self, draft: Draft, answer: TrialAnswers, say: Say) -> list[Judgement]:
        """What came of both."""
        judged, trying = [], "fall"
        try:
            with draft.staged() as config:
                if answer.fall:
                    judged.append(_judge_fall(config))
                trying = "presence"
                if answer.presence:
                    judged.append(_judge_presence(try_presence(config, answer.seconds, say)))
        except PosekernelError as e:
            raise AnswerError(trying, str(e)) from e
        return judged


def _judge_fall(config: Config) -> Judgement:
    if not config.mqtt.enabled:
        return Judgement("usable", "there is no broker, so nobody hears of a fall")
    after_s, took_s = try_fall(config.mqtt, config.device.id)
    text = (
        f"a made-up fall was recognised {after_s:.1f} s after the floor, and its test message was "
        f"back from the broker in {1000.0 * took_s:.1f} ms"
    )
    if config.rig is not None and not config.rig.camera.height_m:
        remedy = "give the camera's height: posekernel setup --only mounting"
        return Judgement("usable", f"{text}, but a real one is not seen without a height", remedy)
    return Judgement("good", text)


def _judge_presence(trial: PresenceTrial) -> Judgement:
    if not trial.poses or trial.nearest_m is None:
        remedy = "step in front of the camera, whole in view, 1.5 to 5 m away, and repeat this step"
        return Judgement("usable", "nobody was seen", remedy)
    near = f"{trial.most} in view, the nearest {trial.nearest_m:.1f} m away"
    if not trial.present:
        remedy = "walk about for longer; see whether the loudspeaker sounds, and repeat this step"
        return Judgement("usable", f"{near}: seen, but not heard", remedy)
    heard = "by sound" if trial.by_sound else "by the image alone"
    return Judgement("good", f"{near}: present in {trial.present} images, distances {heard}")
