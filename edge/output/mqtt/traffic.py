"""What is sent on a connection at QoS 1: retained topics, answers to commands, and events."""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.messages.commands import COMMANDS
from edge.output.mqtt.access import RefusedError, TooLargeError, where, who
from edge.output.mqtt.command_queue import MAX_COMMANDS
from edge.output.mqtt.connection import ACK_TIMEOUT_S, Connection
from edge.output.mqtt.delivery import POLL_S, Delivery
from edge.output.mqtt.outbox import Outbox
from edge.output.mqtt.retained import Announcement, RetainedTopics
from edge.output.mqtt.wire.limits import Limits

log = logging.getLogger(__name__)


class Traffic:
    """Sends what is pending. `begin` with each connection, then `step` until it ends; both on one
    thread. topic: of the device. `answer` may be called by any thread; beyond MAX_COMMANDS waiting
    answers the oldest is dropped and counted.
    """

    def __init__(
        self, config: MqttConfig, topic: str, outbox: Outbox, announcement: Announcement | None
    ) -> None:
        self.retained = RetainedTopics()
        self.answers_dropped = 0
        self._answers: deque[bytes] = deque(maxlen=MAX_COMMANDS)
        self._unheard_said = False
        self.delivery = Delivery(outbox, f"{topic}/event")
        self._config, self._topic, self._announcement = config, topic, announcement

    def subscriptions(self, limits: Limits) -> list[str]:
        """Topics to listen to, each by itself where the broker knows no patterns."""
        own = [] if self._announcement is None else self._announcement.subscriptions
        names = ["+"] if limits.wildcards else COMMANDS
        return [*(f"{self._topic}/cmd/{name}" for name in names), *own]

    def answer(self, payload: bytes) -> None:
        """Have an answer to a command sent."""
        if len(self._answers) == MAX_COMMANDS:
            self.answers_dropped += 1
            log.warning("an answer to a command was dropped: %d wait already", MAX_COMMANDS)
        self._answers.append(payload)

    def begin(self, connection: Connection, report: Callable[[str], None]) -> None:
        """A new connection: send the retained topics. Returns when the broker has them. report: as
        in `step`. Raises BrokerError.
        """
        self.delivery.begin()
        announcement = self._announcement
        self.retained.send_all_again(but="" if announcement is None else announcement.topic)
        # The first acknowledgement also says that what an earlier run announced has been received.
        self._send_retained(connection, report)
        if announcement is not None:
            announcement.begin(self.retained)
            self._send_retained(connection, report)

    def step(self, connection: Connection, report: Callable[[str], None]) -> float | None:
        """Send what is pending; seconds until the next step, None: when something new is pending.

        report: gets a sentence for each topic that the broker denies. Raises BrokerError.
        """
        if self._announcement is not None:
            self._announcement.update(self.retained)
        self._send_retained(connection, report)
        self._tell_unheard(connection, report)
        self._send_answers(connection)
        denial = self.delivery.step(connection)
        if denial is not None:
            broker, user = where(self._config), who(self._config)
            report(
                f"{broker} does not let {user} publish to {self._topic}/event ({denial}); "
                "allow it in the broker's ACL, the events wait"
            )
        waits = [self.delivery.wait_s()]
        if self._announcement is not None:
            waits.append(self._announcement.wait_s())
        return min((w for w in waits if w is not None), default=None)

    def finish(self, connection: Connection, limit_s: float) -> None:
        """Send the last answers and events, for a limited time."""
        until_s = time.monotonic() + limit_s
        with suppress(BrokerError):
            self._send_answers(connection)
            while self.delivery.step(connection) is None and self.delivery.unacknowledged:
                if time.monotonic() >= until_s:
                    return
                time.sleep(POLL_S)

    def _send_retained(self, connection: Connection, report: Callable[[str], None]) -> None:
        for topic, payload in self.retained.take_pending():
            try:
                connection.publish_acknowledged(topic, payload, ACK_TIMEOUT_S)
            except TooLargeError:
                continue  # named already
            except RefusedError as e:
                if connection.lost.is_set():
                    raise
                report(str(e))  # the other topics may be allowed

    def _send_answers(self, connection: Connection) -> None:
        while self._answers:
            with suppress(TooLargeError):
                connection.post(f"{self._topic}/cmd/result", self._answers[0])
            self._answers.popleft()

    def _tell_unheard(self, connection: Connection, report: Callable[[str], None]) -> None:
        if connection.unheard and not self._unheard_said:
            self._unheard_said = True
            report(
                f"{where(self._config)} does not let {who(self._config)} subscribe "
                f"({connection.unheard}), so commands or Home Assistant's start may not arrive; "
                "allow it in the broker's ACL"
            )
