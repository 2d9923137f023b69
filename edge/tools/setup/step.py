"""What a step of the setup is, for both front ends: what it found, asks, checks and judges."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from edge.core.errors import ConfigError, PosekernelError
from edge.core.typed import Strict, convert
from edge.tools.setup.draft import Draft

Kind = Literal["text", "number", "numbers", "points", "yes", "choice", "secret"]
Say = Callable[[str], None]
EMPTY = "-"  # typed for an empty answer where another is the default
_YES, _NO = ("y", "yes", "on", "true", "1"), ("n", "no", "off", "false", "0")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers. drawing: lines of plain text; svg: the same as a picture, or ""."""

    value: str
    label: str
    drawing: str = ""
    svg: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One answer that is needed. key: its name in the file of answers, below the step's name.

    default: taken for an empty answer; None: the answer must be given. kind: how it is typed.
    open: a choice may also be another text. only_for: asked only where the answer before, of this
    key, is one of these; of none: where it is not empty.
    """

    key: str
    text: str
    default: Any = None
    kind: Kind = "text"
    help: str = ""
    choices: tuple[Choice, ...] = ()
    open: bool = False
    only_for: tuple[str, tuple[str, ...]] | None = None

    def wanted(self, given: Mapping[str, Any]) -> bool:
        """Whether it is to be asked after these answers."""
        if self.only_for is None:
            return True
        key, values = self.only_for
        answer = str(given.get(key, ""))
        return answer in values if values else answer != ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a step found, a sentence each, and what it asks. missing: why it cannot go on, with the
    remedy; "" where it can.
    """

    questions: tuple[Question, ...] = ()
    found: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a check, in plain words. remedy: what to do, "" when all is well."""

    verdict: Literal["good", "usable", "wrong"]
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.verdict}: {self.text}" + (f"; {self.remedy}" if self.remedy else "")


class AnswerError(PosekernelError, ValueError):
    """An answer that cannot be right, or does not work here. key: of the question, "" for none."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


class SetupStep(Protocol):
    """One step. name: for `--only` and in the file of answers, whose section is an `answers`."""

    @property
    def name(self) -> str:
        """See above."""

    @property
    def title(self) -> str:
        """A few words for people."""

    @property
    def answers(self) -> type[Strict]:
        """See above."""

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """What is here and what is asked. given: what the file of answers says; not looked for."""

    def settle(self, draft: Draft, answer: Any, say: Say) -> list[Judgement]:
        """Check an answer (of type `answers`) with the real parts and put it into the draft.

        say: called with what happens now. Raises AnswerError; the draft is then as it was.
        """


def typed(question: Question, text: str) -> Any:
    """What was typed, as the file of answers would have it. Raises AnswerError."""
    text = text.strip()
    if text == EMPTY and question.default is not None:
        return ""
    if not text:
        if question.default is None:
            raise AnswerError(question.key, "an answer is needed")
        return question.default
    match question.kind:
        case "number":
            return _number(question.key, text)
        case "numbers":
            return _numbers(question.key, text)
        case "points":
            return [_numbers(question.key, point) for point in text.split(";")]
        case "yes":
            if text.lower() in (*_YES, *_NO):
                return text.lower() in _YES
            raise AnswerError(question.key, f"found {text!r:.40}, but yes or no is needed")
        case "choice":
            return _chosen(question, text)
        case _:
            return text


def _numbers(key: str, text: str) -> list[int | float]:
    return [_number(key, part) for part in re.split(r"[\s,;]+", text.strip(" []"))]


def _number(key: str, text: str) -> int | float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise AnswerError(key, f"found {text!r:.40}, but a number is needed") from None
    return int(value) if value.is_integer() and "." not in text else value


def _chosen(question: Question, text: str) -> str:
    values = [choice.value for choice in question.choices]
    if text in values or (question.open and not text.isdigit()):
        return text
    if text.isdigit() and 1 <= int(text) <= len(values):
        return values[int(text) - 1]
    raise AnswerError(
        question.key, f"found {text!r:.40}, allowed: {', '.join(values) or 'nothing was found'}"
    )


def checked(step: SetupStep, given: Mapping[str, Any], questions: tuple[Question, ...]) -> Any:
    """The answers of a step, with defaults for what is not given. Raises AnswerError."""
    whole: dict[str, Any] = {}
    for q in questions:
        if q.key in given:
            whole[q.key] = given[q.key]
        elif q.default is not None and q.wanted({**given, **whole}):
            whole[q.key] = q.default
    whole |= given
    try:
        return convert({key: value for key, value in whole.items() if value != ""}, step.answers)
    except ConfigError as e:
        key = str(e).partition(":")[0].partition("[")[0]
        raise AnswerError(key, str(e)) from e
