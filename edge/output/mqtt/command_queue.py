"""Commands that came in, until somebody carries them out."""

import logging
import queue
import time
from collections.abc import Callable

from edge.output.messages.commands import COMMANDS
from edge.output.mqtt.wire.messages import ReceivedMessage

MAX_COMMANDS = 16
MAX_PER_S = 4.0
_NOT_COMMANDS = ("result", "check")  # our own answers, and the test message of `doctor`

log = logging.getLogger(__name__)


class CommandQueue(queue.Queue[ReceivedMessage]):
    """Messages below `<topic>/`. Of each command MAX_COMMANDS at once and then MAX_PER_S are taken;
    what comes beyond, or while MAX_COMMANDS wait, is dropped and counted.

    Unknown commands count as one: a flood of them leaves the others their share.
    """

    def __init__(self, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(MAX_COMMANDS)
        self.dropped = 0
        self._prefix = f"{topic}/"
        self._clock = clock
        self._shares: dict[str, tuple[float, float]] = {}  # commands left, and when that was

    def receive(self, message: ReceivedMessage) -> None:
        """Queue the message if it is a command. Called by paho's thread; never waits."""
        name = message.topic.removeprefix(self._prefix)
        if name == message.topic or name in _NOT_COMMANDS:
            return
        if not self._admit(name if name in COMMANDS else ""):
            self._drop(f"more than {MAX_PER_S:g} a second come")
            return
        try:
            self.put_nowait(message)
        except queue.Full:
            self._drop(f"{MAX_COMMANDS} wait already")

    def _admit(self, name: str) -> bool:
        now_s = self._clock()
        left, then_s = self._shares.get(name, (float(MAX_COMMANDS), now_s))
        left = min(MAX_COMMANDS, left + MAX_PER_S * (now_s - then_s))
        admitted = left >= 1.0
        self._shares[name] = (left - 1.0 if admitted else left), now_s
        return admitted

    def _drop(self, why: str) -> None:
        self.dropped += 1
        log.warning("a command was dropped: %s (%d dropped so far)", why, self.dropped)
