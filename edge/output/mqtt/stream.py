"""Messages that lose their worth within seconds: sent at once or dropped, and counted."""

import threading
import time
from dataclasses import dataclass

from edge.output.mqtt.connection import Connection


@dataclass(slots=True)
class MqttCounters:
    """Totals of the stream since the start.

    published: handed to a connection. dropped: not handed over, as the broker was away or did not
    keep up. lost: handed over, but known not to have left when the connection broke. limited: held
    back by mqtt.pose_rate_hz. connections: made so far.
    """

    published: int = 0
    dropped: int = 0
    lost: int = 0
    limited: int = 0
    connections: int = 0


class Stream:
    """Publishes at QoS 0 on the current connection, if any. Thread-safe. pose_rate_hz: 0: all."""

    def __init__(self, pose_rate_hz: float) -> None:
        self.counters = MqttCounters()
        self._pose_spacing_s = 1.0 / pose_rate_hz if pose_rate_hz else 0.0
        self._next_pose_s = 0.0
        self._connection: Connection | None = None
        # Held around publish(): no callback of paho may take it.
        self._lock = threading.Lock()

    @property
    def unsent(self) -> int:
        """Messages handed over that have not left this machine."""
        connection = self._connection
        return 0 if connection is None else connection.unsent

    def pose_due(self) -> bool:
        """Whether a pose may be sent now without exceeding the rate; counts those that may not."""
        now = time.monotonic()
        if now < self._next_pose_s:
            self.counters.limited += 1
            return False
        self._next_pose_s = max(self._next_pose_s + self._pose_spacing_s, now)
        return True

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send or drop; never waits for the network. Returns whether it was handed over."""
        with self._lock:
            connection = self._connection
            if connection is not None and connection.publish(topic, payload):
                self.counters.published += 1
                return True
            self.counters.dropped += 1
            return False

    def attach(self, connection: Connection) -> None:
        """Send on this connection from now on."""
        self.counters.connections += 1
        self._connection = connection

    def detach(self) -> None:
        """The connection ends; what it did not send is counted as lost where it broke."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and connection.lost.is_set():
                self.counters.lost += connection.unsent
