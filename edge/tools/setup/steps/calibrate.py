"""Calibrates by sound and sight, and says in plain words what came of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, structs

from edge.core import calibration_file
from edge.core.errors import PosekernelError
from edge.core.typed import Strict
from edge.sensor.process.lifetime import temporary_folder
from edge.tools.calibration.flow import CalibrationRequest, calibrate
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say

# What each step of the calibration is about, and what is wrong when it is not well.
_ABOUT = {
    "channels": ("the microphones hear the loudspeaker", "the room is too loud for it"),
    "microphones": ("the microphones", "a microphone gives something odd"),
    "reference": ("the way from program to loudspeaker is known", "the loopback"),
    "clock": ("playing and recording keep one time", "playing and recording drift apart"),
    "order": ("the microphones' order", "the microphones' order is not known"),
    "places": ("the microphones' places", "the places are not known well"),
    "levels": ("the microphones are alike", "one microphone is louder than the others"),
    "delay": ("the delay", "the delay is odd"),
    "response": ("the tones that are heard", "too few tones are heard"),
    "loudness": ("how loud it is", "how loud it is remains a guess"),
    "room": ("the empty room is known", "the empty room is not known well"),
}
_VERDICTS = {"ok": "good", "warning": "usable", "open": "usable", "fault": "wrong"}


class CalibrateAnswers(Strict, frozen=True):
    """[calibrate]. run: calibrate now. seconds: of each recording. phone_dba: what a phone's sound
    level meter showed 1 m in front of the loudspeaker while it played [dB(A)].
    """

    run: bool = True
    seconds: Annotated[float, Meta(ge=1.0, le=120.0)] = 10.0
    phone_dba: Annotated[float, Meta(ge=10.0, le=120.0)] | None = None


class CalibrateStep:
    """The calibration file. if_needed: only where there is one that does not fit any more."""

    name, title, answers = "calibrate", "Calibration", CalibrateAnswers

    def __init__(self, *, if_needed: bool = False) -> None:
        self._if_needed = if_needed

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """What it takes: a minute, an empty room, and somebody who reads a phone."""
        misfit = draft.misfit()
        if self._if_needed and not misfit:
            fits = "the calibration still fits" if draft.known_calibration else "there is none"
            return Asked((), (fits,))
        told = (
            *((f"the calibration does not fit any more: {misfit}",) if misfit else ()),
            "The loudspeaker plays for about a minute, as loud as it ever will. Turn its knob so "
            "that it is about as loud as a conversation, and leave the knob alone from then on.",
            "Nobody may be in view, speak or move meanwhile.",
        )
        questions = (
            Question(
                "run",
                "Calibrate now",
                True,
                "yes",
                help="Without it everything is taken to be as the configuration says.",
            ),
            Question(
                "phone_dba",
                "What did a phone's sound level meter show 1 m in front of it, dB(A)",
                "",
                "number",
                help="Empty: not read. It may be read while this plays; then repeat the step.",
                only_for=("run", ("True",)),
            ),
        )
        return Asked(questions, told)

    def settle(self, draft: Draft, answer: CalibrateAnswers, say: Say) -> list[Judgement]:
        """Calibrate; a fault is refused, as the sensor would refuse it."""
        misfit = draft.misfit()
        if self._if_needed and not misfit:
            return []
        if not answer.run:
            return [_left(draft, misfit)]
        config = draft.config()
        # A calibration that does not fit any more must not stop a new one.
        plain = structs.replace(config, calibration=structs.replace(config.calibration, file=""))
        try:
            with temporary_folder("posekernel-setup-") as folder:
                request = CalibrationRequest(
                    plain,
                    seconds=answer.seconds,
                    out=_earlier(draft, folder),
                    phone_dba=answer.phone_dba,
                    may_ask=False,
                )
                done = calibrate(request, say)
        except PosekernelError as e:
            raise AnswerError("run", str(e)) from e
        judged = [judgement(step) for step in done.steps]
        if wrong := [j for j in judged if j.verdict == "wrong"]:
            others = "".join(f"\n  {j}" for j in judged if j.verdict != "wrong")
            told = "; ".join(f"{j.text}; {j.remedy}" for j in wrong)
            raise AnswerError("run", f"{told}{others}")
        before, draft.calibration = draft.calibration, done
        if problem := draft.misfit():  # measured, but it cannot be
            draft.calibration = before
            raise AnswerError("run", problem)
        return judged


def _left(draft: Draft, misfit: str) -> Judgement:
    """Without a new one: the old one stays where it fits, else it is left out."""
    later = "later: posekernel setup --only calibrate"
    if misfit:
        draft.calibration = None
        draft.change({"calibration": {"file": None}})
        text = "the old calibration is left out, as it does not fit any more"
        return Judgement("usable", text, later)
    if draft.known_calibration is not None:
        return Judgement("good", "the calibration stays as it was")
    text = "not calibrated: everything is taken to be as the configuration says"
    return Judgement("usable", text, later)


def _earlier(draft: Draft, folder: Path) -> Path | None:
    """What is known so far as a file, whose parts that are not measured again are kept."""
    known = draft.known_calibration
    if known is None:
        return None
    path = folder / "calibration.toml"
    calibration_file.write_calibration(path, known)
    return path


def judgement(step: calibration_file.Step) -> Judgement:
    """A step of the calibration in plain words."""
    well, ill = _ABOUT.get(step.name, (step.name, step.name))
    verdict = _VERDICTS[step.outcome]
    if verdict == "good":
        return Judgement("good", f"{well} ({step.found})")
    text = f"{ill}: {step.found}"
    return Judgement("wrong" if verdict == "wrong" else "usable", text, step.remedy)
