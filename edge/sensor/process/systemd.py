"""systemd's notification protocol, and a watchdog heartbeat that stops when a stage hangs."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self

log = logging.getLogger(__name__)


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send systemd e.g. "READY=1" or "STATUS=...", assignments separated by newlines.

    False without systemd (no NOTIFY_SOCKET), or if the message could not be delivered.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
        s.settimeout(1.0)
        try:
            s.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as e:
            log.warning("systemd could not be notified: %s", e)
            return False
    return True


def watchdog_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """The unit's WatchdogSec, None where it has none or means another process."""
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or int(microseconds) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1e6


class Heartbeat:
    """Pings systemd's watchdog while every stage reports within its own deadline, so that systemd
    restarts a sensor of which a stage hangs.

    `Heartbeat(sound=2.0, image=5.0)` names the stages and their deadlines in seconds, counted from
    now on. Each calls `beat(name)` from any thread. `start` notifies systemd that the sensor is
    ready and pings on a thread, `close` that it stops. Without systemd only `late` is of use.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, **deadlines_s: float
    ) -> None:
        self._clock = clock
        self._deadlines_s = dict(deadlines_s)
        self._seen = dict.fromkeys(deadlines_s, clock())
        self._last_late: tuple[str, ...] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def beat(self, stage: str) -> None:
        """The stage has reported. Raises KeyError for one that was not named."""
        if stage not in self._seen:
            raise KeyError(stage)
        self._seen[stage] = self._clock()

    def late(self) -> tuple[str, ...]:
        """The stages that have not reported within their deadline."""
        now = self._clock()
        return tuple(
            stage
            for stage, deadline_s in self._deadlines_s.items()
            if now - self._seen[stage] > deadline_s
        )

    def tick(self) -> tuple[str, ...]:
        """Ping systemd if no stage is late; log when that changes. Returns the late stages."""
        late = self.late()
        if not late:
            notify("WATCHDOG=1")
        if late != self._last_late:
            if late:
                log.error("no sign of life from %s", ", ".join(late))
            elif self._last_late:
                log.info("all stages report again")
            notify("STATUS=" + (f"no sign of life from {', '.join(late)}" if late else "running"))
            self._last_late = late
        return late

    def start(self) -> None:
        """Say READY=1, then tick at half the watchdog's interval, else each second, on a thread."""
        notify("READY=1")
        interval_s = min(1.0, (watchdog_s() or 2.0) / 2)
        self._thread = threading.Thread(
            target=self._run, args=(interval_s,), name="heartbeat", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Say STOPPING=1 and end the thread; safe to call twice."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            notify("STOPPING=1")
            thread.join(2.0)

    def _run(self, interval_s: float) -> None:
        self.tick()
        while not self._stop.wait(interval_s):
            self.tick()
