"""Writes everything, and starts the sensor."""

from collections.abc import Mapping
from typing import Any

from edge.core.errors import PosekernelError
from edge.core.typed import Strict
from edge.tools.setup import service
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say


class StartAnswers(Strict, frozen=True):
    """[start]. start: the installed service, now and at each boot."""

    start: bool = True


class StartStep:
    """The files, and the service."""

    name, title, answers = "start", "Write and start", StartAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """What will be written."""
        told = [f"{draft.path} will be written"]
        if draft.before is not None:
            told[0] += ", and the old one kept beside it"
        if draft.calibration is not None:
            told.append(f"{draft.calibration_path}: the calibration")
        if draft.password:
            told.append(f"{draft.password_path}: the broker's password, for the sensor alone")
        if draft.page_password:
            told.append(f"{draft.page_password_path}: the hash of the page's password")
        if not draft.is_service or not service.can_control():
            return Asked((), tuple(told))
        start = Question("start", "Start the sensor, now and at each boot", True, "yes")
        return Asked((start,), tuple(told))

    def settle(self, draft: Draft, answer: StartAnswers, say: Say) -> list[Judgement]:
        """Write, then start where there is a service."""
        try:
            written = draft.write()
        except PosekernelError as e:
            raise AnswerError("", str(e)) from e
        judged = [Judgement("good", f"written: {', '.join(map(str, written))}")]
        if not (answer.start and draft.is_service and service.can_control()):
            return [*judged, Judgement("good", f"start it with: {service.command(draft)}")]
        say("starting; the very first start compiles for up to a minute")
        if trouble := service.start():
            remedy = "see journalctl -u posekernel, and posekernel doctor"
            return [*judged, Judgement("wrong", f"the sensor did not start: {trouble}", remedy)]
        return [*judged, Judgement("good", "the sensor runs, and starts at each boot")]
