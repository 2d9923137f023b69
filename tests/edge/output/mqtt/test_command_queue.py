"""Floods of commands."""

import logging

import pytest

from edge.output.mqtt.command_queue import MAX_COMMANDS, CommandQueue
from edge.output.mqtt.wire.messages import ReceivedMessage


def command(name: str) -> ReceivedMessage:
    return ReceivedMessage(f"posekernel/hall/cmd/{name}", b"{}", False)


def test_a_flood_of_commands_is_dropped_and_counted_and_others_keep_their_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    commands = CommandQueue("posekernel/hall/cmd", lambda: now[0])
    taken = 0
    for n in range(9600):
        now[0] += 1 / 960
        commands.receive(command(f"no-such-{n}"))
        while not commands.empty():
            taken += commands.get_nowait() is not None
    assert MAX_COMMANDS <= taken <= MAX_COMMANDS + 41
    assert commands.dropped == 9600 - taken
    assert "dropped so far" in caplog.records[-1].getMessage()
    commands.receive(command("sensing"))
    assert commands.get_nowait().topic.endswith("/sensing")


def test_slow_commands_are_all_taken() -> None:
    now = [0.0]
    commands = CommandQueue("posekernel/hall/cmd", lambda: now[0])
    for _ in range(200):
        now[0] += 0.25
        commands.receive(command("level"))
        commands.get_nowait()
    assert commands.dropped == 0


def test_what_waits_too_long_is_counted_as_well() -> None:
    commands = CommandQueue("posekernel/hall/cmd", lambda: 0.0)
    for name in ("mute", "level"):
        for _ in range(MAX_COMMANDS):
            commands.receive(command(name))
    assert commands.qsize() == MAX_COMMANDS
    assert commands.dropped == MAX_COMMANDS
