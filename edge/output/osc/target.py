"""Where UDP packets go: sent or dropped, never waited for."""

import logging
import socket
import threading
from contextlib import suppress

_AGAIN_S = 60.0  # the address behind a name may change
_RETRY_S = 10.0

log = logging.getLogger(__name__)


class Target:
    """Sends to a host, a name or an address, and port. A name is looked up on a thread of its own.

    sent, dropped: packets so far. Trouble is logged once until it changes.
    """

    def __init__(self, host: str, port: int) -> None:
        self.sent = self.dropped = 0
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._address: tuple[object, ...] = ()
        self._trouble = ""
        self._closed = threading.Event()
        if not self._look_up(socket.AI_NUMERICHOST):
            threading.Thread(target=self._follow_name, name="osc name", daemon=True).start()

    def send(self, packet: bytes) -> bool:
        """Whether the system took the packet. Never raises and never waits."""
        sender = self._socket
        try:
            if sender is None:
                raise OSError("its address is not known yet")
            sender.sendto(packet, self._address)
        except OSError as e:
            self.dropped += 1
            if sender is not None:
                self._say(f"osc: cannot send to {self._host}:{self._port} ({e.strerror or e})")
            return False
        self.sent += 1
        self._trouble = ""
        return True

    def close(self) -> None:
        """Safe to call twice."""
        self._closed.set()
        sender, self._socket = self._socket, None
        if sender is not None:
            sender.close()

    def _look_up(self, flags: int = 0) -> bool:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM, flags=flags)
        except (OSError, UnicodeError) as e:
            if not flags:
                self._say(f"osc.host: {self._host!r} has no address ({getattr(e, 'strerror', e)})")
            return False
        family, _, _, _, address = found[0]
        if address != self._address:
            with suppress(OSError):  # a kernel without this family
                sender = socket.socket(family, socket.SOCK_DGRAM)
                sender.setblocking(False)
                before, self._address, self._socket = self._socket, address, sender
                if before is not None:
                    before.close()
        return True

    def _follow_name(self) -> None:
        while not self._closed.wait(_AGAIN_S if self._look_up() else _RETRY_S):
            pass
        self.close()  # what was found while it was being closed

    def _say(self, text: str) -> None:
        if text != self._trouble:
            self._trouble = text
            log.warning("%s; poses go on without it", text)
