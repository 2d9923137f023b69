"""Requests that are answered by a function, and which of them come from this page itself."""

import email.message
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from edge.core.errors import ConfigError
from edge.core.typed import parse_json
from edge.output.messages.fields import Message

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """address: the client's. cookies: the header. content: of the JSON body; {} for a GET."""

    address: str
    cookies: str = ""
    content: Message = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """content: sent as JSON. headers: besides the server's own."""

    content: Message
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Responder = Callable[[PageRequest], PageAnswer]


class RefusedRequestError(Exception):
    """A request that is not looked at any further: its status, and a sentence."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def refusal(status: HTTPStatus, text: str, **more: object) -> PageAnswer:
    """An answer for the page to show."""
    return PageAnswer({"error": text} | more, status)


def check_own_page(headers: email.message.Message) -> None:
    """Whether a POST was sent by this page, whose Host is known to be right: a browser lets every
    site send one. Raises RefusedRequestError.

    Behind a proxy with TLS only Sec-Fetch-Site tells, which browsers send over TLS and on loopback.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin", "")
    own = f"http://{headers.get('Host', '')}".lower()
    if site != "same-origin" if site is not None else origin.lower() != own:
        raise RefusedRequestError(
            HTTPStatus.FORBIDDEN,
            "only this page itself may change something; open it and try there",
        )
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise RefusedRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{JSON_TYPE} is needed")


def read_content(body: bytes) -> Message:
    """The JSON object of a body. Raises RefusedRequestError."""
    try:
        content = parse_json(body)
    except ConfigError as e:
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, str(e)) from None
    if not isinstance(content, dict):
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "a JSON object is needed")
    return content
