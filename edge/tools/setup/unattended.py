"""The setup without anybody to ask: from a file of answers, or from what was found alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.core.errors import ConfigError
from edge.core.files import read_file
from edge.core.typed import parse_toml
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Judgement, SetupStep, checked
from edge.tools.setup.steps import STEPS

Answers = dict[str, dict[str, Any]]


def read_answers(path: Path | None) -> Answers:
    """A file of answers, a section a step; None: none. Raises ConfigError."""
    if path is None:
        return {}
    try:
        table = parse_toml(read_file(path).decode())
    except FileNotFoundError as e:
        raise ConfigError(f"{path}: no such file; --answers needs a TOML file") from e
    except (OSError, UnicodeDecodeError) as e:
        why = (isinstance(e, OSError) and e.strerror) or "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read ({why})") from e
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e
    names = [step.name for step in STEPS]
    for name, section in table.items():
        if name not in names:
            raise ConfigError(f"{path}: {name}: no such step, allowed: {', '.join(names)}")
        if not isinstance(section, dict):
            raise ConfigError(f"{path}: {name}: a section is needed: [{name}]")
    return table


def run_unattended(
    draft: Draft, steps: tuple[SetupStep, ...], answers: Answers, say: Callable[[str], None]
) -> dict[str, list[Judgement]]:
    """What came of each step. Raises ConfigError that names the answer which is wrong or missing;
    then nothing was written.
    """
    # A wrong key or type is found before anything is recorded.
    for step in steps:
        _readable(step, answers.get(step.name, {}))
    judged = {}
    for step in steps:
        given = answers.get(step.name, {})
        asked = step.ask(draft, given)
        questions = tuple(q for q in asked.questions if q.key in given or q.default is not None)
        left = [q for q in asked.questions if q not in questions and q.wanted(given)]
        if left:
            why = asked.missing or f"give it in the file of answers: {left[0].text.lower()}"
            raise ConfigError(f"{step.name}.{left[0].key}: missing; {why}")
        say(step.title)
        try:
            judged[step.name] = step.settle(draft, checked(step, given, questions), say)
        except AnswerError as e:
            raise ConfigError(_named(step, e)) from e
    return judged


def _readable(step: SetupStep, given: dict[str, Any]) -> None:
    """Whether these keys and types are known; what is missing may be found later."""
    known = step.answers.__struct_fields__
    for key in given:
        if key not in known:
            raise ConfigError(f"{step.name}.{key}: no such answer, allowed: {', '.join(known)}")
    required = [k for k in known if k not in given and _is_required(step, k)]
    try:
        checked(step, {**given, **dict.fromkeys(required, "?")}, ())
    except AnswerError as e:
        if e.key not in required:
            raise ConfigError(_named(step, e)) from e


def _is_required(step: SetupStep, key: str) -> bool:
    fields = step.answers.__struct_fields__
    return fields.index(key) < len(fields) - len(step.answers.__struct_defaults__)


def _named(step: SetupStep, error: AnswerError) -> str:
    text = str(error)
    if not error.key:
        return f"{step.name}: {text}"
    if re.match(rf"{re.escape(error.key)}[:.\[]", text):
        return f"{step.name}.{text}"
    return f"{step.name}.{error.key}: {text}"
