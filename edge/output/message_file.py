"""What a sensor says, as a file: one JSON message per line. The live page plays it, and so can
anything that reads messages.
"""

import io
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.core.errors import ConfigError
from edge.output.messages.payloads import Message, encode


class MessageFile:
    """`with MessageFile(path, page) as file:` takes the stream and the events that a broker would
    get; path None: in memory.

    The first line is the description of the sensor that the page needs (`page_description`).
    Retained topics are left out: they repeat. Raises ConfigError where the file cannot be written.
    """

    def __init__(self, path: Path | None, page: Message) -> None:
        self._path = path
        self._events = 0
        try:
            self._file: io.BufferedIOBase = io.BytesIO() if path is None else path.open("wb")
        except OSError as e:
            raise ConfigError(
                f"{path}: cannot be written ({e.strerror}); name a file in a folder that you may "
                "write to"
            ) from e
        self._write(page)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def content(self) -> bytes:
        """All lines so far."""
        if isinstance(self._file, io.BytesIO):
            return self._file.getvalue()
        assert self._path is not None
        self._file.flush()
        return self._path.read_bytes()

    def publish_pose(self, message: Message) -> bool:
        """One pose. How late it was is left out: a recording is read faster or slower than it
        happened.
        """
        return self._write(message | {"latency_ms": None})

    def publish_stream(self, name: str, message: Message) -> bool:
        """Any other message of the stream."""
        return self._write(message)

    def publish_event(self, message: Message) -> int:
        """An event; numbers it from 1 and returns the number."""
        self._events += 1
        message["sequence"] = self._events
        self._write(message)
        return self._events

    def publish_retained(self, name: str, message: Message) -> None:
        """Does nothing."""

    def _write(self, message: Message) -> bool:
        try:
            self._file.write(encode(message) + b"\n")
        except OSError as e:
            raise ConfigError(f"{self._path}: cannot be written ({e.strerror})") from e
        return True
