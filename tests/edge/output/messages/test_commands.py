"""Commands: taken, refused and in which words; the published schema says the same."""

import json
import string
from datetime import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.config import BackgroundConfig, Config, DeviceConfig, QuietHours
from edge.output.messages.commands import (
    MAX_BYTES,
    Command,
    CommandError,
    parse_command,
    result_message,
)
from edge.output.messages.fields import Message
from edge.output.messages.schemas import schema
from edge.output.mqtt.wire.messages import ReceivedMessage
from edge.sensor.control import Control
from edge.sensor.permissions import Sensing

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
NIGHT = QuietHours.parse("22:00", "07:00")
CAP = -20.0


def parse(name: str, payload: str | bytes, *, retained: bool = False) -> Command:
    data = payload.encode() if isinstance(payload, str) else payload
    return parse_command(name, data, retained=retained, max_level_dbfs=CAP)


def refused(name: str, payload: str | bytes, *, retained: bool = False) -> CommandError:
    with pytest.raises(CommandError) as caught:
        parse(name, payload, retained=retained)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return caught.value


def schema_takes(name: str, payload: Any) -> bool:
    commands = schema("command")
    one = {"$schema": commands["$schema"], "$ref": f"#/$defs/{name}", "$defs": commands["$defs"]}
    return bool(jsonschema.Draft202012Validator(one).is_valid(payload))


GOOD = [
    ("sensing", {"on": False}, {"on": False}),
    ("mute", {"on": True}, {"on": True}),
    ("level", {"level_dbfs": -30}, {"level_dbfs": -30.0}),
    ("level", {"level_dbfs": -20.0}, {"level_dbfs": -20.0}),
    ("level", {"level_dbfs": None}, {"level_dbfs": None}),
    ("loudness", {"mode": "loud"}, {"mode": "loud"}),
    ("loudness", {"mode": None}, {"mode": None}),
    ("quiet_hours", {"from": "22:00", "to": "07:00"}, {"hours": NIGHT}),
    ("recalibrate", {}, {}),
    ("reload", {}, {}),
    ("restart", {}, {}),
    ("budget", {"budget_dba": 40}, {"budget_dba": 40.0}),
    ("budget", {"budget_dba": None}, {"budget_dba": None}),
]
BAD = [
    ("budget", {}, "budget_dba: missing"),
    ("budget", {"budget_dba": -1}, "allowed: 0 to 90"),
    ("budget", {"budget_dba": 91}, "allowed: 0 to 90"),
    ("sensing", {}, "on: missing"),
    ("sensing", {"on": 1}, "on: found the number 1, but true or false is needed"),
    ("sensing", {"on": "off"}, "on: found the text 'off', but true or false is needed"),
    ("sensing", {"on": True, "off": 1}, "off: no such key. Allowed here: on, id"),
    ("sensing", [True], "a JSON object is needed"),
    ("sensing", None, "a JSON object is needed"),
    ("mute", {"on": None}, "on: found null"),
    ("level", {"level_dbfs": "-30"}, "a number is needed, or null"),
    ("level", {"level_dbfs": True}, "a number is needed"),
    ("level", {"level_dbfs": -61}, "allowed: -60 to -20"),
    ("level", {"level_dbfs": 10**400}, "allowed: -60 to -20"),
    ("level", {"level_dbfs": float("1e308") * 10}, "not JSON"),
    ("level", {"level_dbfs": 0}, "allowed: -60 to -20 (excitation.level_dbfs"),
    ("loudness", {}, "mode: missing"),
    ("loudness", {"mode": "noisy"}, "'discreet', 'loud', 'normal', 'silent', or null"),
    ("loudness", {"mode": 40}, "mode: found the number 40"),
    ("quiet_hours", {"from": "22:00"}, "to: missing"),
    ("quiet_hours", {"from": "24:00", "to": "07:00"}, "found '24:00', but a time of day"),
    ("quiet_hours", {"from": "7:00", "to": "08:00"}, "found '7:00'"),
    ("quiet_hours", {"from": 22, "to": 7}, "from: found the number 22, but a text"),
    ("recalibrate", {"now": True}, "now: no such key"),
    ("reload", "", "a JSON object is needed"),
    ("reload", {"id": 7}, "id: found the number 7"),
    ("reload", {"id": "x" * 65}, "id: found"),
    ("reload", {"id": ""}, "id: found '', but a text of 1 to 64"),
]


@pytest.mark.parametrize(("name", "payload", "arguments"), GOOD)
def test_good_commands(name: str, payload: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert parse(name, json.dumps(payload)) == Command(name, None, arguments)
    assert parse(name, json.dumps(payload | {"id": "a7"})) == Command(name, "a7", arguments)
    assert schema_takes(name, payload)
    assert schema_takes(name, payload | {"id": "a7"})


@pytest.mark.parametrize(("name", "payload", "why"), BAD)
def test_bad_commands_are_refused_by_program_and_schema(name: str, payload: Any, why: str) -> None:
    assert why in str(refused(name, json.dumps(payload)))
    assert not schema_takes(name, payload)


def test_null_ends_the_quiet_hours() -> None:
    assert parse("quiet_hours", "null") == Command("quiet_hours", None, {"hours": None})
    assert schema_takes("quiet_hours", None)


def test_equal_times_are_refused() -> None:
    assert "two different times" in str(refused("quiet_hours", '{"from": "07:00", "to": "07:00"}'))


def test_a_refusal_keeps_the_request() -> None:
    assert refused("mute", '{"id": "a7", "on": 3}').request == "a7"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "empty payload"),
        (b"on", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"on": NaN}', "not JSON"),
        (b"[" * 4000, "not JSON"),
        (b"9" * 4096, "found 999"),
        (b" " * MAX_BYTES + b"{}", "4098 bytes"),
        (b'{"on": true, "id": "\\ud800"}', "not JSON"),
    ],
)
def test_what_is_not_a_small_piece_of_json(payload: bytes, why: str) -> None:
    assert why in str(refused("sensing", payload))


def test_retained_and_unknown_commands_are_refused() -> None:
    assert "publish it without retain" in str(refused("sensing", '{"on": true}', retained=True))
    known = "budget, level, loudness, mute, quiet_hours, recalibrate, reload, restart, sensing"
    assert f"known: {known}" in str(refused("format_disk", "{}"))


@given(
    name=st.sampled_from([g[0] for g in GOOD]),
    payload=st.one_of(st.binary(max_size=200), st.text(string.printable).map(str.encode)),
)
def test_nothing_else_comes_out_of_anything(name: str, payload: bytes) -> None:
    try:
        parse(name, payload)
    except CommandError as e:
        sentence = str(e)
        json.dumps(sentence).encode()


def test_answers_fit_their_schema() -> None:
    result = schema("command_result")
    for message in (
        result_message("hall", "sensing", "a7", True, "sensing is on", utc_ns=0),
        result_message("hall", "x" * 500, None, False, "there is no such command", utc_ns=0),
    ):
        jsonschema.validate(message, result)
        assert set(message) == set(result["properties"])


def test_recalibration_says_what_it_could_not_remove(tmp_path: Path) -> None:
    background = BackgroundConfig(snapshot=str(tmp_path))  # a folder cannot be removed like a file
    relearned: list[bool] = []
    room = SimpleNamespace(relearn=lambda: relearned.append(True))
    pipeline: Any = SimpleNamespace(room=room)
    nothing: Any = None
    control = Control(
        Config(DeviceConfig("hall"), background=background),
        nothing,
        pipeline,
        nothing,
        nothing,
        None,
        nothing,
    )
    name, request, ok, text = control.answer(
        ReceivedMessage("posekernel/hall/cmd/recalibrate", b'{"id": "a7"}', False)
    )
    assert (name, request, ok, relearned) == ("recalibrate", "a7", True, [True])
    assert f"{tmp_path} cannot be removed" in text


@pytest.mark.parametrize("level", ["NaN", "-Infinity", "-61", "1" + 400 * "0"])
def test_a_kept_level_that_no_command_could_have_set_leaves_sensing_off(
    tmp_path: Path, level: str
) -> None:
    kept = tmp_path / "control.json"
    kept.write_text(f'{{"level_dbfs": {level}}}')
    told: list[Message] = []
    sensing = Sensing(Config(DeviceConfig("hall")), kept)
    sensing.announce(told.append)
    assert (told[0]["sensing"], told[0]["level_dbfs"]) == (False, -20.0)


def test_quiet_hours_cover_midnight() -> None:
    day = QuietHours.parse("13:00", "15:30")
    assert [NIGHT.covers(time(h, m)) for h, m in ((21, 59), (22, 0), (0, 0), (6, 59), (7, 0))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert [day.covers(time(h, m)) for h, m in ((12, 59), (13, 0), (15, 29), (15, 30), (0, 0))] == [
        False,
        True,
        True,
        False,
        False,
    ]
