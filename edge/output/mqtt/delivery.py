"""Delivers the outbox to the broker: in order, a bounded number at a time; an event leaves the
outbox only when the broker has acknowledged it.
"""

import logging
import time
from collections import deque

from edge.output.mqtt.access import TooLargeError
from edge.output.mqtt.connection import Connection
from edge.output.mqtt.outbox import Outbox
from edge.output.mqtt.wire.messages import Posted

MAX_UNACKNOWLEDGED = 16
POLL_S = 0.02
_DENIED_S = 30.0  # until a denied event is tried again: the access list may have been changed

log = logging.getLogger(__name__)


class Delivery:
    """Sends one outbox to one topic on one thread: `begin` with each connection, then `step`."""

    def __init__(self, outbox: Outbox, topic: str) -> None:
        self.outbox = outbox
        self._topic = topic
        self._sent_events: deque[tuple[int, Posted]] = deque()
        self._last_sent = 0
        self._paused_until_s = 0.0

    def begin(self) -> None:
        """A new connection: whatever was not acknowledged goes again, oldest first."""
        self._sent_events.clear()
        self._last_sent = 0
        self._paused_until_s = 0.0

    def step(self, connection: Connection) -> str | None:
        """Remove what was acknowledged and hand over what is pending. Returns the broker's reason
        when it denied an event. Raises BrokerError when the connection is lost.
        """
        denial = self._take_acknowledgements()
        if denial is not None:
            # The denied event and those after it stay in the outbox, in order.
            self._sent_events.clear()
            self._last_sent = 0
            self._paused_until_s = time.monotonic() + _DENIED_S
        room = MAX_UNACKNOWLEDGED - len(self._sent_events)
        if room > 0 and time.monotonic() >= self._paused_until_s:
            for sequence, payload in self.outbox.pending(self._last_sent, room):
                self._last_sent = sequence
                try:
                    self._sent_events.append((sequence, connection.post(self._topic, payload)))
                except TooLargeError:
                    # It would hold up all events after it for ever.
                    log.error("event %d is too large for the broker and is dropped", sequence)
                    self.outbox.remove([sequence])
        return denial

    @property
    def unacknowledged(self) -> int:
        """Number of events handed over and not yet acknowledged."""
        return len(self._sent_events)

    def wait_s(self) -> float | None:
        """Seconds until the next step; None: when an event is added."""
        if self._sent_events:
            return POLL_S
        paused_s = self._paused_until_s - time.monotonic()
        return paused_s if paused_s > 0 else None

    def _take_acknowledgements(self) -> str | None:
        delivered: list[int] = []
        denial = None
        while self._sent_events and denial is None and self._sent_events[0][1].answered:
            sequence, posted = self._sent_events.popleft()
            denial = posted.denial
            if denial is None:
                delivered.append(sequence)
        if delivered:
            self.outbox.remove(delivered)
        return denial
