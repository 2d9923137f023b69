"""What the sensor is called."""

import re
import socket
from collections.abc import Mapping
from typing import Any

from edge.core.typed import Strict
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say


class NameAnswers(Strict, frozen=True):
    """[name]"""

    id: str


class NameStep:
    """device.id."""

    name, title, answers = "name", "Name", NameAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """The name that it has, else one by this computer's."""
        known = draft.get("device.id") or _usable(socket.gethostname()) or "sensor"
        where = "Where does the sensor hang? One word, such as livingroom"
        help = "Letters, digits, - and _. It is the sensor's name at the broker."
        return Asked((Question("id", where, known, help=help),))

    def settle(self, draft: Draft, answer: NameAnswers, say: Say) -> list[Judgement]:
        """A level of MQTT topics."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", answer.id):
            near = _usable(answer.id)
            hint = f"; {near} would do" if near else ""
            raise AnswerError(
                "id",
                f"found {answer.id!r:.80}, but 1 to 64 letters, digits, - and _ are needed{hint}",
            )
        draft.change({"device": {"id": answer.id}})
        return []


def _usable(text: str) -> str:
    plain = text.partition(".")[0].replace(" ", "_")
    return re.sub(r"[^A-Za-z0-9_-]", "", plain)[:64]
