"""What is sent on a connection at QoS 1: retained topics, answers to commands, and events."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.output.mqtt.access import RefusedError, where, who
from edge.output.mqtt.command_queue import MAX_COMMANDS
from edge.output.mqtt.connection import ACK_TIMEOUT_S, Connection
from edge.output.mqtt.delivery import POLL_S, Delivery
from edge.output.mqtt.outbox import Outbox
from edge.output.mqtt.retained import Announcement, RetainedTopics


class Traffic:
    """Sends what is pending. `begin` with each connection, then `step` until it ends; both on one
    thread. topic: of the device. answers: appended to by any thread; beyond MAX_COMMANDS the oldest
    is dropped.
    """

    def __init__(
        self, config: MqttConfig, topic: str, outbox: Outbox, announcement: Announcement | None
    ) -> None:
        self.retained = RetainedTopics()
        self.answers: deque[bytes] = deque(maxlen=MAX_COMMANDS)
        self.delivery = Delivery(outbox, f"{topic}/event")
        self._config, self._topic, self._announcement = config, topic, announcement

    @property
    def subscriptions(self) -> list[str]:
        """Topics to listen to."""
        own = [] if self._announcement is None else self._announcement.subscriptions
        return [f"{self._topic}/cmd/+", *own]

    def begin(self) -> None:
        """A new connection: everything that the broker may lack is sent on it."""
        if self._announcement is not None:
            self._announcement.begin(self.retained)
        self.retained.send_all_again()
        self.delivery.begin()

    def step(self, connection: Connection, report: Callable[[str], None]) -> float | None:
        """Send what is pending; seconds until the next step, None: when something new is pending.

        report: gets a sentence for each topic that the broker denies. Raises BrokerError.
        """
        self._send_retained(connection, report)
        self._send_answers(connection)
        denial = self.delivery.step(connection)
        if denial is not None:
            broker, user = where(self._config), who(self._config)
            report(
                f"{broker} does not let {user} publish to {self._topic}/event ({denial}); "
                "allow it in the broker's ACL, the events wait"
            )
        return self.delivery.wait_s()

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
        if self._announcement is not None:
            self._announcement.update(self.retained)
        for topic, payload in self.retained.take_pending():
            try:
                connection.publish_acknowledged(topic, payload, ACK_TIMEOUT_S)
            except RefusedError as e:
                if connection.lost.is_set():
                    raise
                report(str(e))  # the other topics may be allowed

    def _send_answers(self, connection: Connection) -> None:
        while self.answers:
            connection.post(f"{self._topic}/cmd/result", self.answers[0])
            self.answers.popleft()
