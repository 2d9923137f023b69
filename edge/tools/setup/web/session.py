"""What the page of the setup asks for and sends: one draft, one step at a time."""

import base64
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from edge.core.config import CameraConfig
from edge.core.errors import ConfigError, PosekernelError
from edge.core.logs.shown import shown
from edge.core.typed import Strict, convert
from edge.output.page.requests import PageAnswer, PageRequest, Responder, refusal
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, SetupStep, checked, typed
from edge.tools.setup.steps.picture import CONSENT, PictureStep
from edge.tools.setup.steps.start import StartStep
from edge.tools.setup.web.live_picture import LivePicture


class _Named(Strict, frozen=True):
    step: str


class _Answered(Strict, frozen=True):
    step: str
    answers: dict[str, str]


@dataclass(slots=True)
class _Job:
    """The check of one step's answers, on a thread of its own."""

    step: str
    said: list[str] = field(default_factory=list)
    judged: list[Judgement] = field(default_factory=list)
    error: str = ""
    key: str = ""
    done: bool = False


class SetupSession:
    """Leads one visitor through the steps. finished: set once the last step is done and told.

    wrong: the sensor did not start.
    """

    def __init__(self, draft: Draft, steps: tuple[SetupStep, ...]) -> None:
        self.finished = threading.Event()
        self.wrong = False
        self._draft, self._steps = draft, {step.name: step for step in steps}
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[Question, ...]] = {}
        self._states: dict[str, str] = dict.fromkeys(self._steps, "open")
        self._job: _Job | None = None
        self._picture, self._consent = LivePicture(), False

    @property
    def responders(self) -> dict[tuple[str, str], Responder]:
        """As `BoundedServer` takes them; each must be guarded."""
        return {
            ("POST", "/setup/steps"): self._list,
            ("POST", "/setup/ask"): self._ask,
            ("POST", "/setup/settle"): self._settle,
            ("POST", "/setup/progress"): self._progress,
            ("POST", "/setup/picture"): self._show,
        }

    def close(self) -> None:
        """Let go of the camera."""
        self._picture.close()

    def _list(self, request: PageRequest) -> PageAnswer:
        steps = [
            {"name": step.name, "title": step.title, "state": self._states[step.name]}
            for step in self._steps.values()
        ]
        there = self._draft.before is not None
        return PageAnswer({"steps": steps, "config": str(self._draft.path), "there": there})

    def _ask(self, request: PageRequest) -> PageAnswer:
        try:
            step = self._named(convert(request.content, _Named).step)
        except ConfigError as e:
            return refusal(HTTPStatus.BAD_REQUEST, str(e))
        if self._is_busy():
            return _busy()
        if not isinstance(step, PictureStep):
            self._leave_picture()
        asked = step.ask(self._draft, {})
        if isinstance(step, PictureStep):
            asked = Asked((CONSENT,))
        self._asked[step.name] = asked.questions
        content = {
            "step": step.name,
            "title": step.title,
            "found": [shown(text) for text in asked.found],
            "missing": shown(asked.missing),
            "questions": [_as_message(question) for question in asked.questions],
        }
        return PageAnswer(content)

    def _settle(self, request: PageRequest) -> PageAnswer:
        try:
            answered = convert(request.content, _Answered)
            step = self._named(answered.step)
        except ConfigError as e:
            return refusal(HTTPStatus.BAD_REQUEST, str(e))
        questions = self._asked.get(step.name)
        if questions is None:
            return refusal(HTTPStatus.CONFLICT, "this step was not asked yet; load the page again")
        try:
            answer = checked(step, _given(questions, answered.answers), questions)
        except AnswerError as e:
            return refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(e), key=e.key)
        with self._lock:
            if self._job is not None and not self._job.done:
                return _busy()
            self._job = _Job(step.name)
        self._leave_picture()
        if isinstance(step, PictureStep):
            self._consent = bool(answer.consent)
        threading.Thread(
            target=self._work, args=(self._job, step, answer), name="setup", daemon=True
        ).start()
        return PageAnswer({})

    def _work(self, job: _Job, step: SetupStep, answer: Any) -> None:
        try:
            job.judged = step.settle(self._draft, answer, lambda text: job.said.append(shown(text)))
            wrong = any(j.verdict == "wrong" for j in job.judged)
            self._states[step.name] = "wrong" if wrong else "done"
            if isinstance(step, StartStep):
                self.wrong = wrong
        except AnswerError as e:
            job.error, job.key = str(e), e.key
        except PosekernelError as e:
            job.error = str(e)
        except Exception as e:  # the page must hear of it, whatever it is
            job.error = shown(f"{type(e).__name__}: {e}; this is a fault of posekernel: report it")
        finally:
            if job.error:
                self._states[step.name] = "wrong"
            job.done = True

    def _progress(self, request: PageRequest) -> PageAnswer:
        job = self._job
        if job is None:
            return PageAnswer({"running": False, "step": "", "said": [], "judged": []})
        content = {
            "running": not job.done,
            "step": job.step,
            "said": list(job.said),
            "judged": [asdict(j) for j in job.judged] if job.done else [],
            "error": job.error,
            "key": job.key,
        }
        if job.done and not job.error and isinstance(self._steps[job.step], StartStep):
            threading.Timer(1.0, self.finished.set).start()  # this answer is still to be sent
        return PageAnswer(content)

    def _show(self, request: PageRequest) -> PageAnswer:
        if not self._consent:
            return refusal(HTTPStatus.FORBIDDEN, "no picture without consent")
        if self._is_busy():
            return _busy()
        try:
            config = convert(self._draft.get("camera", {}), CameraConfig, "camera")
            jpeg, people = self._picture.jpeg(config)
        except PosekernelError as e:
            self._picture.close()
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(e))
        return PageAnswer({"jpeg": base64.b64encode(jpeg).decode(), "people": people})

    def _leave_picture(self) -> None:
        self._consent = False
        self._picture.close()

    def _named(self, name: str) -> SetupStep:
        if name not in self._steps:
            raise ConfigError(f"step: found {name!r:.40}, allowed: {', '.join(self._steps)}")
        return self._steps[name]

    def _is_busy(self) -> bool:
        return self._job is not None and not self._job.done


def _busy() -> PageAnswer:
    return refusal(HTTPStatus.CONFLICT, "the step before is still at work; wait for it")


def _given(questions: tuple[Question, ...], answers: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, of the questions alone. Raises AnswerError."""
    given: dict[str, Any] = {}
    for question in questions:
        text = answers.get(question.key)
        if not question.wanted(given):
            continue
        if text is None:
            if question.default is None:
                raise AnswerError(question.key, f"{question.text}: an answer is needed")
            continue
        emptied = not text.strip() and question.default is not None and question.kind != "choice"
        # A page shows the default: who empties a field means it.
        given[question.key] = "" if emptied else typed(question, text)
    return given


def _as_message(question: Question) -> dict[str, Any]:
    default = question.default
    if isinstance(default, list | tuple):
        default = " ".join(f"{x:g}" for x in default)
    elif isinstance(default, float):
        default = f"{default:g}"
    return {
        "key": question.key,
        "text": question.text,
        "help": question.help,
        "kind": question.kind,
        "default": default
        if isinstance(default, bool)
        else ""
        if default is None
        else str(default),
        "required": question.default is None,
        "open": question.open,
        "only_for": None
        if question.only_for is None
        else [question.only_for[0], *question.only_for[1]],
        "choices": [
            {"value": c.value, "label": shown(c.label), "svg": c.svg} for c in question.choices
        ],
    }
