"""The live picture, for who sets the sensor up, after consent. It is never stored or sent on."""

from collections.abc import Mapping
from typing import Any

from edge.core.typed import Strict
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import Asked, Judgement, Question, Say


class PictureAnswers(Strict, frozen=True):
    """[picture]. consent: everybody in view has agreed to be seen on the page of the setup."""

    consent: bool = False


class PictureStep:
    """Changes nothing: only the page of the setup shows a picture, `--web`."""

    name, title, answers = "picture", "What the camera sees", PictureAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """On the terminal there is nothing to ask."""
        told = (
            "A terminal shows no picture. To see once whether the room is well in view: posekernel "
            "setup --web --only picture. It is shown only there, only after consent, and not kept.",
        )
        return Asked((), told)

    def settle(self, draft: Draft, answer: PictureAnswers, say: Say) -> list[Judgement]:
        """Nothing to check."""
        return []


CONSENT = Question(
    "consent",
    "Has everybody in view agreed to be seen on this page",
    False,
    "yes",
    "The picture is shown here, until you leave this step, and is kept nowhere.",
)
