"""From the outbox to the broker: in order, a bounded number at a time, gone from the outbox only
once acknowledged.
"""

import time
from collections import deque

from edge.output.mqtt.connection import Connection, Posted
from edge.output.mqtt.outbox import Outbox

MAX_UNANSWERED = 16
POLL_S = 0.02
_DENIED_S = 30.0  # until a denied event is tried again: the access list may have been mended


class Delivery:
    """Sends one outbox to one topic. Used by one thread; `begin` anew with each connection, then
    `step` until it is lost.
    """

    def __init__(self, outbox: Outbox, topic: str) -> None:
        self.outbox = outbox
        self._topic = topic
        self._unanswered: deque[tuple[int, Posted]] = deque()
        self._sent = 0
        self._quiet_until_s = 0.0

    def begin(self) -> None:
        """A new connection: whatever was not acknowledged goes again, oldest first."""
        self._unanswered.clear()
        self._sent = 0
        self._quiet_until_s = 0.0

    def step(self, connection: Connection) -> str | None:
        """Take the answers that came and hand over what waits. A text when the broker denied an
        event: its reason.

        Raises BrokerError when the connection is lost.
        """
        denial = self._take_answers()
        if denial is not None:
            # It and what follows stay in order in the outbox.
            self._unanswered.clear()
            self._sent = 0
            self._quiet_until_s = time.monotonic() + _DENIED_S
        room = MAX_UNANSWERED - len(self._unanswered)
        if room > 0 and time.monotonic() >= self._quiet_until_s:
            for sequence, payload in self.outbox.pending(self._sent, room):
                self._unanswered.append((sequence, connection.post(self._topic, payload)))
                self._sent = sequence
        return denial

    @property
    def busy(self) -> bool:
        """Some events were handed over and not yet acknowledged."""
        return bool(self._unanswered)

    def wait_s(self) -> float | None:
        """How long nothing needs to be done, None for: until something new happens."""
        if self._unanswered:
            return POLL_S
        quiet_s = self._quiet_until_s - time.monotonic()
        return quiet_s if quiet_s > 0 else None

    def _take_answers(self) -> str | None:
        delivered: list[int] = []
        denial = None
        while self._unanswered and denial is None and self._unanswered[0][1].answered:
            sequence, posted = self._unanswered.popleft()
            denial = posted.denial
            if denial is None:
                delivered.append(sequence)
        if delivered:
            self.outbox.remove(delivered)
        return denial
