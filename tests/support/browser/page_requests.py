"""Requests to the page's server as the page itself sends them."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.support.waiting import LIMIT_S


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """Of a JSON answer."""
        return json.loads(self.body)

    @property
    def cookie(self) -> str:
        """The header `Cookie` that a browser sends from now on, "" for none."""
        return self.headers.get("Set-Cookie", "").partition(";")[0]


def ask(port: int, method: str, path: str, content: object = None, **headers: str) -> Answer:
    """The answer to one request. content: sent as JSON; bytes are sent as they are. headers: with
    _ for -, beside or instead of the page's own; "" leaves one out.
    """
    own: dict[str, str] = {}
    if content is not None:
        own = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in (own | named).items() if value}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request(method, path, None if content is None else body, sent)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()
