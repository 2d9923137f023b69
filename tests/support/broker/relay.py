"""A relay to a broker that can be slow, or acknowledge what it throws away."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self

_PUBLISH, _PUBACK = 3, 0x40
_BUFFER_BYTES = 4096  # a kernel's own would swallow minutes of poses


class Relay:
    """`with Relay(broker.port) as relay: relay.port`. All settings may change at any time.

    bytes_per_s: how fast it reads from the sensor, None: as fast as it comes. answer_delay_s: from
    one packet of the broker's to the next. lies: it acknowledges the events of the sensor itself
    and keeps none; swallowed counts them.
    """

    def __init__(self, port: int) -> None:
        self.bytes_per_s: float | None = None
        self.answer_delay_s = 0.0
        self.lies = False
        self.swallowed = 0
        self._broker_port = port
        self._closing = threading.Event()
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port = int(self._server.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for end in (self._server, *self._open):
            _end(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sensor, _ = self._server.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker_port))
                except OSError:
                    sensor.close()
                    continue
                self._open += [sensor, broker]
                for pump in (self._from_sensor, self._from_broker):
                    threading.Thread(target=pump, args=(sensor, broker), daemon=True).start()

    def _from_sensor(self, sensor: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError):
            for packet in self._packets(sensor):
                if self.lies and (answer := _event_answer(packet)):
                    self.swallowed += 1
                    sensor.sendall(answer)
                else:
                    broker.sendall(packet)
        _end(broker)

    def _from_broker(self, sensor: socket.socket, broker: socket.socket) -> None:
        with suppress(OSError), broker.makefile("rb") as stream:
            while packet := _packet(stream.read):
                self._closing.wait(self.answer_delay_s)
                sensor.sendall(packet)
        _end(sensor)

    def _packets(self, sensor: socket.socket) -> Iterator[bytes]:
        def read(n: int) -> bytes:
            got = b""
            while len(got) < n:
                rate = self.bytes_per_s
                part = sensor.recv(n - len(got) if rate is None else min(n - len(got), 256))
                if not part:
                    return b""
                got += part
                if rate is not None:
                    self._closing.wait(len(part) / rate)
            return got

        while packet := _packet(read):
            yield packet


def _packet(read: Callable[[int], bytes]) -> bytes:
    """One whole MQTT packet; b"" at the end of the connection."""
    packet = read(1)
    length, shift = 0, 0
    while packet:
        byte = read(1)
        if not byte:
            return b""
        packet += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            body = read(length) if length else b""
            return packet + body if len(body) == length else b""
    return b""


def _event_answer(packet: bytes) -> bytes:
    """The acknowledgement of an event; b"" for any other packet."""
    if packet[0] >> 4 != _PUBLISH or not packet[0] & 0x06:
        return b""
    at = 1
    while packet[at] & 0x80:
        at += 1
    at += 1
    size = int.from_bytes(packet[at : at + 2], "big")
    topic, number = packet[at + 2 : at + 2 + size], packet[at + 2 + size : at + 4 + size]
    return bytes([_PUBACK, 2]) + number if topic.endswith(b"/event") else b""


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
