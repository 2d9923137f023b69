"""What may be asked of a running sensor over MQTT: reads and checks a command, words the answer."""

import json
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge.core.config import LoudnessName, QuietHours
from edge.core.config.sound import MAX_BUDGET_DBA
from edge.core.errors import ConfigError
from edge.core.typed import Strict, convert, parse_json
from edge.output.messages.fields import (
    DeviceId,
    Message,
    Published,
    TimeOfDay,
    UtcTime,
    note,
    timestamp,
)

MAX_BYTES = 4096
MIN_LEVEL_DBFS = -60.0
MAX_LEVEL_DBFS = -6.0
_MAX_ID = 64

Arguments = dict[str, Any]
RequestId = Annotated[
    str,
    Meta(
        min_length=1, max_length=_MAX_ID, description="Chosen by the sender; the answer repeats it."
    ),
]
Level = Annotated[
    int | float | None,
    Meta(extra_json_schema={"minimum": MIN_LEVEL_DBFS, "maximum": MAX_LEVEL_DBFS}),
]


class Request(Strict, frozen=True, kw_only=True):
    """A command's payload."""

    id: RequestId | UnsetType = UNSET

    def arguments(self, max_level_dbfs: float) -> Arguments:
        """What it asks for, checked and converted. Raises ValueError with a sentence."""
        return {k: v for k, v in msgspec.structs.asdict(self).items() if k != "id"}


class SensingRequest(Request, frozen=True):
    """Off: at once the loudspeaker is silent and camera and microphones are closed. Survives a
    restart.
    """

    on: bool


class MuteRequest(Request, frozen=True):
    """On: the loudspeaker is silent, poses go on with a scale from the assumed height. Survives a
    restart.
    """

    on: bool


class LevelRequest(Request, frozen=True):
    """Peak level of the sound; null goes back to the configured level, which is also the highest
    allowed. Survives a restart.
    """

    level_dbfs: Level

    def arguments(self, max_level_dbfs: float) -> Arguments:
        """level_dbfs: float, or None for the configured one."""
        level = self.level_dbfs
        if level is None:
            return {"level_dbfs": None}
        if not MIN_LEVEL_DBFS <= level <= max_level_dbfs:
            raise ValueError(
                f"level_dbfs: found {level!r:.40}, allowed: {MIN_LEVEL_DBFS:g} to "
                f"{max_level_dbfs:g} (excitation.level_dbfs in the configuration)"
            )
        return {"level_dbfs": float(level)}


class LoudnessRequest(Request, frozen=True):
    """How much sound is accepted; null goes back to what is configured. "continuous" and "custom"
    only where they are configured. Survives a restart.
    """

    mode: LoudnessName | None


class BudgetRequest(Request, frozen=True):
    """Highest energy average over any minute, dB(A) at 1 m; 0: no sound, null: as the loudness
    says. Survives a restart.
    """

    budget_dba: Annotated[
        int | float | None, Meta(extra_json_schema={"minimum": 0, "maximum": MAX_BUDGET_DBA})
    ]

    def arguments(self, max_level_dbfs: float) -> Arguments:
        """budget_dba: float, or None for what the loudness says."""
        budget = self.budget_dba
        if budget is None:
            return {"budget_dba": None}
        if not 0.0 <= budget <= MAX_BUDGET_DBA:
            raise ValueError(
                f"budget_dba: found {budget!r:.40}, allowed: 0 to {MAX_BUDGET_DBA:g}, or null for "
                "what the loudness says"
            )
        return {"budget_dba": float(budget)}


class QuietHoursRequest(Request, frozen=True, rename={"start": "from", "end": "to"}):
    """Daily hours in which the loudspeaker is silent; null: none. Survives a restart."""

    start: TimeOfDay
    end: TimeOfDay

    def arguments(self, max_level_dbfs: float) -> Arguments:
        """hours: QuietHours, or None."""
        try:
            return {"hours": QuietHours.parse(self.start, self.end)}
        except ValueError as e:
            raise ValueError(f"from, to: {str(e)[:200]}") from None


class RecalibrateRequest(Request, frozen=True):
    """Learn the empty room anew, once nobody is in view."""


class RestartRequest(Request, frozen=True):
    """End the program and start it again, as after an update."""


class ReloadRequest(Request, frozen=True):
    """Read the configuration file again and start over with it; a wrong file is refused and nothing
    changes.
    """


COMMANDS: dict[str, tuple[type[Request], str]] = {  # by name, with an example
    "sensing": (SensingRequest, '{"on": false}'),
    "mute": (MuteRequest, '{"on": true}'),
    "level": (LevelRequest, '{"level_dbfs": -30}'),
    "budget": (BudgetRequest, '{"budget_dba": 40}'),
    "loudness": (LoudnessRequest, '{"mode": "discreet"}'),
    "quiet_hours": (QuietHoursRequest, '{"from": "22:00", "to": "07:00"}'),
    "recalibrate": (RecalibrateRequest, "{}"),
    "reload": (ReloadRequest, "{}"),
    "restart": (RestartRequest, "{}"),
}


class Command(msgspec.Struct, frozen=True):
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
    if name not in COMMANDS:
        raise CommandError(
            f"there is no command {name[:_MAX_ID]!r}; known: {', '.join(sorted(COMMANDS))}"
        )
    if retained:
        raise CommandError(
            "a retained command is refused, as it would come again at every start; publish it "
            "without retain"
        )
    if len(payload) > MAX_BYTES:
        raise CommandError(
            f"found {len(payload)} bytes, but at most {MAX_BYTES} are needed for any command"
        )
    kind, example = COMMANDS[name]
    found = _json(payload)
    if found is None and name == "quiet_hours":
        return Command(name, None, {"hours": None})
    if not isinstance(found, dict):
        short = json.dumps(found)[:60]
        raise CommandError(f"found {short}, but a JSON object is needed, such as {example}")
    if found.get("id") is None:
        found.pop("id", None)
    request = _request(found)
    try:
        arguments = convert(found, kind).arguments(max_level_dbfs)
    except ConfigError as e:
        raise CommandError(f"{e}; {name} takes {example} and an id", request) from None
    except ValueError as e:
        raise CommandError(str(e), request) from None
    return Command(name, request, arguments)


class CommandResultMessage(Published, frozen=True, tag="posekernel.command_result/1"):
    """The answer to one command, published to <base topic>/<device id>/cmd/result, QoS 1, not
    retained. Readers must ignore properties they do not know.
    """

    id: DeviceId
    timestamp: Annotated[UtcTime, note("UTC, ISO 8601, ms.")]
    command: Annotated[
        str,
        Meta(
            max_length=64,
            description="The last level of the command's topic, cut to 64 characters.",
        ),
    ]
    request: Annotated[
        Annotated[str, Meta(max_length=64)] | None,
        note("The id that the sender gave; null without."),
    ]
    ok: Annotated[bool, note("Whether it was carried out.")]
    text: Annotated[
        str,
        Meta(
            min_length=1,
            description="One sentence: what was done, or what was found and what is needed.",
        ),
    ]


def result_message(
    device_id: str, command: str, request: str | None, ok: bool, text: str, *, utc_ns: int
) -> Message:
    """The answer, JSON-ready. text: one sentence: what was done, or found and needed."""
    return CommandResultMessage(
        id=device_id,
        timestamp=timestamp(utc_ns),
        command=command[:_MAX_ID],
        request=request,
        ok=ok,
        text=text,
    ).as_message()


def _json(payload: bytes) -> Any:
    if not payload:
        raise CommandError(
            "found an empty payload, but JSON is needed; {} where a command takes nothing"
        )
    try:
        return parse_json(payload)
    except ConfigError as e:
        raise CommandError(f"{e}; publish a JSON object in UTF-8") from None


def _request(found: dict[str, Any]) -> str | None:
    """The sender's id, None where there is no usable one: the answer must not repeat another."""
    request = found.get("id")
    return request if isinstance(request, str) and 0 < len(request) <= _MAX_ID else None
