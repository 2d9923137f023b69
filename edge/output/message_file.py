"""A sensor's messages as a file, one JSON object per line, which the live page can play."""

import io
from pathlib import Path
from typing import Self

from edge.core.errors import ConfigError
from edge.output.messages.fields import Message
from edge.output.messages.payloads import encode


class MessageFile:
    """`with MessageFile(path, page) as file:` writes the stream and the events that a broker would
    get; path None: in memory. Raises ConfigError where the file cannot be written.

    page: the first line, from `page_description`. Retained topics are left out: they repeat others.
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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._file.close()
        except OSError as e:
            if kind is None:  # else the present exception says more
                raise self._unwritten(e) from e

    def content(self) -> bytes:
        """All lines so far."""
        if isinstance(self._file, io.BytesIO):
            return self._file.getvalue()
        assert self._path is not None
        try:
            self._file.flush()
            return self._path.read_bytes()
        except OSError as e:
            raise self._unwritten(e) from e

    def publish_pose(self, message: Message) -> bool:
        """One pose, without its latency: a recording is read faster or slower than it happened."""
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
        """Does nothing, see above."""

    def _write(self, message: Message) -> bool:
        try:
            self._file.write(encode(message) + b"\n")
        except OSError as e:
            raise self._unwritten(e) from e
        return True

    def _unwritten(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"{self._path}: cannot be written ({error.strerror}); free space there or name a file "
            "elsewhere"
        )
