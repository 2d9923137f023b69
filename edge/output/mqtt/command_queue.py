"""Commands that came in, until somebody carries them out."""

import logging
import queue

from edge.output.mqtt.connection import ReceivedMessage

MAX_COMMANDS = 16
_NOT_COMMANDS = ("result", "check")  # our own answers, and the test message of `doctor`

log = logging.getLogger(__name__)


class CommandQueue(queue.Queue[ReceivedMessage]):
    """Messages below `<topic>/`; with MAX_COMMANDS waiting, new ones are dropped and logged."""

    def __init__(self, topic: str) -> None:
        super().__init__(MAX_COMMANDS)
        self._prefix = f"{topic}/"

    def receive(self, message: ReceivedMessage) -> None:
        """Queue the message if it is a command. Called by paho's thread; never waits."""
        name = message.topic.removeprefix(self._prefix)
        if name == message.topic or name in _NOT_COMMANDS:
            return
        try:
            self.put_nowait(message)
        except queue.Full:
            log.warning("a command was dropped: %d wait already", MAX_COMMANDS)
