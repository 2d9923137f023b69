"""The setup at a terminal: one question after the other."""

import getpass
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge.core.errors import ConfigError
from edge.core.logs.shown import shown
from edge.sensor.process.leaving import tidied
from edge.tools.setup.draft import Draft
from edge.tools.setup.pictures import legend
from edge.tools.setup.step import (
    EMPTY,
    AnswerError,
    Choice,
    Judgement,
    Question,
    SetupStep,
    checked,
    typed,
)

_INTRO = f"""\
Enter takes what stands in [brackets], {EMPTY} empties it, ? explains. Nothing is written before
the last step; Ctrl-C leaves everything as it is.
"""
_MARKS = {"good": "good   ", "usable": "usable ", "wrong": "WRONG  "}
_REPEATED = ("calibrate", "test")  # steps that measure: a second time may come out better


class Terminal:
    """Leads through the steps. read, read_secret: ask for a line, as `input` and `getpass` do."""

    def __init__(
        self,
        draft: Draft,
        steps: tuple[SetupStep, ...],
        read: Callable[[str], str] = input,
        read_secret: Callable[[str], str] | None = None,
    ) -> None:
        self._draft, self._steps = draft, steps
        self._read, self._read_secret = read, read_secret or _unseen

    def run(self) -> bool:
        """Whether all went well to the end. Raises ConfigError where the input ends before."""
        print(_INTRO)
        well = True
        for number, step in enumerate(self._steps, 1):
            print(f"{number}/{len(self._steps)} {step.title}")
            try:
                judged = self._lead_through(step)
            except EOFError:
                raise ConfigError("the input ended, so nothing was written; begin again") from None
            well = not any(j.verdict == "wrong" for j in judged)
            print()
        return well

    def _lead_through(self, step: SetupStep) -> list[Judgement]:
        given: dict[str, Any] = {}
        by_hand = False
        while True:
            asked = step.ask(self._draft, {})
            for found in asked.found:
                self._say(found)
            if asked.missing and not by_hand:
                self._say(f"missing: {asked.missing}")
                by_hand = self._names_it()
                if not by_hand:
                    continue
            try:
                given = self._answers(asked.questions, given)
                judged = step.settle(self._draft, checked(step, given, asked.questions), self._say)
            except AnswerError as e:
                print(f"  {_MARKS['wrong']}{shown(str(e), keep=chr(10))}")
                if not asked.questions:
                    self._read("  Enter tries again: ")
                continue
            for judgement in judged:
                self._tell(judgement)
            if step.name not in _REPEATED or not judged or not self._repeats():
                return judged

    def _answers(
        self, questions: tuple[Question, ...], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """before: what was answered when something was wrong with it, offered again."""
        given: dict[str, Any] = {}
        for question in questions:
            if question.wanted(given):
                if question.key in before and question.kind != "secret":
                    question = replace(question, default=before[question.key])
                given[question.key] = self._answer(question)
        return given

    def _answer(self, question: Question) -> Any:
        if any(choice.drawing for choice in question.choices):
            self._say(legend())
        for number, choice in enumerate(question.choices, 1):
            self._show(number, choice)
        while True:
            read = self._read_secret if question.kind == "secret" else self._read
            text = read(f"  {question.text}{_default(question)}: ")
            if text.strip() == "?":
                self._say(question.help or "there is nothing more to say about it")
                continue
            try:
                return typed(question, text)
            except AnswerError as e:
                self._say(str(e))

    def _names_it(self) -> bool:
        while True:
            text = self._read("  Enter looks again, n: I name it: ").strip().lower()
            if text in ("", "n"):
                return text == "n"
            self._say("Enter looks for it once more. n asks for its name: one that is not listed.")

    def _repeats(self) -> bool:
        while True:
            text = self._read("  Enter goes on, r repeats this step: ").strip().lower()
            if text in ("", "r"):
                return text == "r"
            self._say("Enter takes what came of it. r does it once more; the last one counts.")

    def _show(self, number: int, choice: Choice) -> None:
        print(f"   {number:>2}  {shown(choice.label)}")
        for line in choice.drawing.splitlines():
            print(f"       {line}")

    def _tell(self, judgement: Judgement) -> None:
        print(f"  {_MARKS[judgement.verdict]}{shown(judgement.text)}")
        if judgement.remedy:
            print(f"         -> {shown(judgement.remedy)}")

    def _say(self, text: str) -> None:
        print(f"  {shown(text)}", flush=True)


def _unseen(question: str) -> str:
    """What is typed without being shown; a signal meanwhile leaves the terminal as it was."""
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    with tidied(lambda: termios.tcsetattr(terminal, termios.TCSADRAIN, before)):
        return getpass.getpass(question)


def _default(question: Question) -> str:
    default = question.default
    if question.kind == "yes":
        return " [Y/n]" if default else " [y/N]"
    if question.kind == "secret" or default is None:
        return ""
    if default == "":
        return " [empty]"
    if question.kind == "points":
        return f" [{'; '.join(_plain(point) for point in default)}]"
    if isinstance(default, list | tuple):
        return f" [{_plain(default)}]"
    number = isinstance(default, int | float)
    return f" [{default:g}]" if number else f" [{shown(str(default))}]"


def _plain(numbers: list[float] | tuple[float, ...]) -> str:
    return " ".join(f"{x:g}" for x in numbers)


def tell_all(judged: Mapping[str, list[Judgement]]) -> None:
    """What came of all steps, a line each."""
    for name, judgements in judged.items():
        for judgement in judgements:
            print(f"{name:<12} {_MARKS[judgement.verdict]}{shown(judgement.text)}")
            if judgement.remedy:
                print(f"{'':<20} -> {shown(judgement.remedy)}")
