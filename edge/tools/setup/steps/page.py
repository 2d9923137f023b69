"""The live page, on which zones are drawn."""

import os
import socket
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.typed import Strict
from edge.output.page.page_password import PagePassword
from edge.tools.setup import broker_sockets, mdns
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_HOSTS = {"here": "127.0.0.1", "network": "0.0.0.0"}
_SHOWN = ("here", "network")
_LISTENER = (
    "Home Assistant's add-on has such a port, 1884; a mosquitto that was just installed by apt "
    "opens one after\n"
    "  printf 'listener 1883 localhost\\nlistener 9001\\nprotocol websockets\\n"
    "allow_anonymous true\\n' | sudo tee /etc/mosquitto/conf.d/page.conf\n"
    "  sudo systemctl restart mosquitto\n"
    "where everybody in the network may then listen on port 9001"
)


class PageAnswers(Strict, frozen=True):
    """[page]. show: nowhere, to browsers on this machine, or of the local network.

    websocket_url: of the broker, as the browser reaches it; left out: as it was, else looked for.
    port: of the page. password: for changing zones; left out: as it was, else a code each time.
    """

    show: Literal["off", "here", "network"] = "off"
    websocket_url: str = ""
    port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    password: str | None = None


class PageStep:
    """[web]."""

    name, title, answers = "page", "Live page and zones", PageAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """As configured, else no page."""
        told = (
            "A page shows where people are, as skeletons without an image, and there zones such as "
            "the sofa are drawn.",
        )
        choices = (
            Choice("off", "no page"),
            Choice("here", "for browsers on this machine, or through ssh"),
            Choice("network", "for everybody in the local network; it is not encrypted"),
        )
        shown = ("show", _SHOWN)
        questions = (
            Question("show", "Where may the page be seen", _shown(draft), "choice",
                     "It reads from the broker, with the broker's own password where it has one.",
                     choices),
            Question(
                "websocket_url", "The broker's address for browsers, ws://HOST:PORT/",
                draft.get("web.websocket_url", ""),
                help="Empty: it is looked for where the broker is.",
                only_for=shown,
            ),
            Question(
                "port", "Port of the page", draft.get("web.port", 8080), "number",
                "Of this machine; another one where something else has it.", only_for=shown,
            ),
            Question(
                "password", "A password for changing zones", "", "secret",
                "Empty: as it was, else each time a code from the sensor's log.", only_for=shown,
            ),
        )  # fmt: skip
        return Asked(questions, told)

    def settle(self, draft: Draft, answer: PageAnswers, say: Say) -> list[Judgement]:
        """A broker that takes browsers, and a port that is free."""
        if answer.show == "off":
            if draft.get("web") is not None:
                draft.change({"web": {"enabled": False}})
            return []
        host = _HOSTS[answer.show]
        _check_free(draft, host, answer.port)
        say("the broker's port for browsers is tried")
        url = _reachable(draft, answer)
        line = None
        if answer.password:
            try:
                line = PagePassword.of(answer.password).line
            except ConfigError as e:
                raise AnswerError("password", str(e)) from e
        draft.page_password = line or draft.page_password
        web = {"enabled": True, "host": host, "port": answer.port, "websocket_url": url}
        draft.change({"web": web})
        names = mdns.own_addresses() if answer.show == "network" else ["localhost"]
        where = " or ".join(f"http://{name}:{answer.port}/" for name in names)
        judged = [Judgement("good", f"the page will be at {where}; Zones… is for drawing")]
        if not (draft.page_password or draft.get("web.password_file")):
            text = "whoever changes zones is asked for a code: journalctl -u posekernel shows it"
            judged.append(Judgement("good", text))
        return judged


def _shown(draft: Draft) -> str:
    if not draft.get("web.enabled", False):
        return "off"
    host = draft.get("web.host", _HOSTS["here"])
    return "here" if host in (_HOSTS["here"], "localhost", "::1") else "network"


def _reachable(draft: Draft, answer: PageAnswers) -> str:
    """The broker's address for browsers. Raises AnswerError."""
    if answer.websocket_url:
        if problem := broker_sockets.problem(answer.websocket_url):
            found = f"no broker takes browsers at {answer.websocket_url:.200} ({problem})"
            raise AnswerError("websocket_url", f"{found}; {_LISTENER}")
        return answer.websocket_url
    host = str(draft.get("mqtt.host", "localhost"))
    if answer.show == "network" and host in ("localhost", "127.0.0.1", "::1"):
        host = mdns.own_addresses()[0]  # for other machines localhost is themselves
    if url := broker_sockets.find(host):
        return url
    ports = ", ".join(map(str, broker_sockets.PORTS))
    raise AnswerError(
        "websocket_url", f"no broker takes browsers at {host} (tried: {ports}); {_LISTENER}"
    )


def _check_free(draft: Draft, host: str, port: int) -> None:
    if draft.get("web.enabled") and draft.get("web.port", 8080) == port:
        return  # it may be the sensor's own, which runs
    try:
        socket.create_server((host, port)).close()
    except OSError as e:
        why = os.strerror(e.errno or 0)
        raise AnswerError("port", f"{port} cannot be had ({why}); give a free one") from e
