"""What may be asked of a running sensor over MQTT: checks a command, word by word, and words the
answer. Pure functions.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.core.config import QuietHours
from edge.output.messages.payloads import Message, timestamp

RESULT_SCHEMA = "posekernel.command_result/1"
MAX_BYTES = 4096
MIN_LEVEL_DBFS = -60.0
_MAX_ID = 64

Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command. request: its sender's id, None without. arguments: checked and converted."""

    name: str
    request: str | None
    arguments: Arguments


class CommandError(ValueError):
    """A command that is not carried out: one sentence, and the request's id where one could be
    read.
    """

    def __init__(self, text: str, request: str | None = None) -> None:
        super().__init__(text)
        self.request = request


def parse_command(name: str, payload: bytes, *, retained: bool, max_level_dbfs: float) -> Command:
    """The command `name` (the last topic level) with its JSON payload. Raises CommandError.

    max_level_dbfs: the configured level; a command may only go below it.
    """
    check = _COMMANDS.get(name)
    if check is None:
        raise CommandError(
            f"there is no command {name[:_MAX_ID]!r}; known: {', '.join(sorted(_COMMANDS))}"
        )
    if retained:
        raise CommandError(
            "a retained command is refused, as it would come again at every start; publish it without retain"
        )
    if len(payload) > MAX_BYTES:
        raise CommandError(
            f"found {len(payload)} bytes, but at most {MAX_BYTES} are needed for any command"
        )
    found = _json(payload)
    if found is None and name == "quiet_hours":
        return Command(name, None, {"hours": None})
    if not isinstance(found, dict):
        raise CommandError(
            f"found {_short(found)}, but a JSON object is needed, such as {_EXAMPLES[name]}"
        )
    request = found.pop("id", None)
    if request is not None and not (
        isinstance(request, str) and 0 < len(request) <= _MAX_ID and _is_unicode(request)
    ):
        raise CommandError(
            f"id: found {_short(request)}, but a text of 1 to {_MAX_ID} characters is needed"
        )
    try:
        needed = set(json.loads(_EXAMPLES[name]))
        if missing := sorted(needed - set(found)):
            raise CommandError(f"{missing[0]}: missing, but needed, as in {_EXAMPLES[name]}")
        if unknown := sorted(set(found) - needed):
            raise CommandError(
                f"{_short(unknown[0])}: not known here; {name} takes {_EXAMPLES[name]} and an id"
            )
        return Command(name, request, check(found, max_level_dbfs))
    except CommandError as e:
        raise CommandError(str(e), request) from None


def result_message(
    device_id: str, command: str, request: str | None, ok: bool, text: str, *, utc_ns: int
) -> Message:
    """The answer as a JSON-ready dict. text: one sentence: what was done, or what was found and is
    needed.
    """
    return {
        "schema": RESULT_SCHEMA,
        "id": device_id,
        "timestamp": timestamp(utc_ns),
        "command": command[:_MAX_ID],
        "request": request,
        "ok": ok,
        "text": text,
    }


def _json(payload: bytes) -> Any:
    def no_constant(text: str) -> None:
        raise ValueError(f"{text} is not JSON")

    if not payload:
        raise CommandError(
            "found an empty payload, but JSON is needed; {} where a command takes nothing"
        )
    try:
        return json.loads(payload.decode(), parse_constant=no_constant)
    except (ValueError, RecursionError) as e:
        raise CommandError(f"not JSON ({str(e)[:80]}); publish a JSON object in UTF-8") from None


def _on(found: Mapping[str, Any], _cap: float) -> Arguments:
    if not isinstance(found["on"], bool):
        raise CommandError(f"on: found {_short(found['on'])}, but true or false is needed")
    return {"on": found["on"]}


def _nothing(_found: Mapping[str, Any], _cap: float) -> Arguments:
    return {}


def _hours(found: Mapping[str, Any], _cap: float) -> Arguments:
    try:
        return {"hours": QuietHours.parse(found["from"], found["to"])}
    except ValueError as e:
        raise CommandError(f"from, to: {str(e)[:200]}") from None


def _level(found: Mapping[str, Any], cap: float) -> Arguments:
    level = found["level_dbfs"]
    if level is None:
        return {"level_dbfs": None}
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise CommandError(
            f"level_dbfs: found {_short(level)}, but a number is needed, or null for the configured level"
        )
    if not MIN_LEVEL_DBFS <= level <= cap:
        raise CommandError(
            f"level_dbfs: found {_short(level)}, allowed: {MIN_LEVEL_DBFS:g} to {cap:g} (excitation.level_dbfs in the "
            "configuration)"
        )
    return {"level_dbfs": float(level)}


_COMMANDS: dict[str, Callable[[Mapping[str, Any], float], Arguments]] = {
    "sensing": _on,
    "mute": _on,
    "level": _level,
    "quiet_hours": _hours,
    "recalibrate": _nothing,
    "reload": _nothing,
}
_EXAMPLES = {
    "sensing": '{"on": false}',
    "mute": '{"on": true}',
    "level": '{"level_dbfs": -30}',
    "quiet_hours": '{"from": "22:00", "to": "07:00"}',
    "recalibrate": "{}",
    "reload": "{}",
}


def _is_unicode(text: str) -> bool:
    """JSON may hold half a surrogate pair, which no answer could repeat in UTF-8."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
