"""How much sound the people at home accept, and when none."""

from collections.abc import Mapping
from typing import Any

from edge.core.config import QuietHours, SoundConfig, SoundMode
from edge.core.config.sound import MODES
from edge.core.typed import Strict, convert
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_LABELS = {
    "silent": "silent: no sound at all; distances are less exact",
    "discreet": "discreet: rare chirps, {0:g} dB(A) on average, like a bedroom at night",
    "normal": "normal: {0:g} dB(A) on average, like a library",
    "loud": "loud: {0:g} dB(A) on average, like a conversation without a pause",
    "continuous": "continuous: a hiss while somebody is in view; the most exact for who walks",
}


class SoundAnswers(Strict, frozen=True):
    """[sound]. quiet_from, quiet_to: local times such as "22:00", between which it is silent."""

    mode: SoundMode = "discreet"
    quiet_from: str = ""
    quiet_to: str = ""


class SoundStep:
    """sound.mode and the quiet hours."""

    name, title, answers = "sound", "Loudness and quiet hours", SoundAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """As configured, else discreet and at all hours: a stranger's home begins quietly."""
        mode = "discreet" if draft.before is None else _configured(draft).chosen
        modes = tuple(
            Choice(mode, label.format(*MODES.get(mode, ()))) for mode, label in _LABELS.items()
        )
        questions = (
            Question(
                "mode", "How loud may it be, 1 m away", mode, "choice",
                "On average over a minute. Home Assistant can change it at any time.", modes,
            ),
            Question(
                "quiet_from", "Silent from, such as 22:00", draft.get("sensing.quiet_from", ""),
                help="Empty: at no hour. People are still seen then.",
            ),
            Question(
                "quiet_to", "Silent to, such as 07:00", draft.get("sensing.quiet_to", ""),
                only_for=("quiet_from", ()),
            ),
        )  # fmt: skip
        return Asked(questions)

    def settle(self, draft: Draft, answer: SoundAnswers, say: Say) -> list[Judgement]:
        """Times that are times."""
        if answer.quiet_from or answer.quiet_to:
            try:
                QuietHours.parse(answer.quiet_from, answer.quiet_to)
            except ValueError as e:
                key = "quiet_to" if answer.quiet_from and not answer.quiet_to else "quiet_from"
                raise AnswerError(key, str(e)) from None
        hours = {"quiet_from": answer.quiet_from or None, "quiet_to": answer.quiet_to or None}
        before = _configured(draft)
        sound: dict[str, Any] = {"mode": answer.mode}
        judged = []
        if before.is_custom and before.chosen != answer.mode:
            sound |= {"budget_dba": None, "peak_dba": None}
            judged.append(Judgement("good", "in place of sound.budget_dba and sound.peak_dba"))
        draft.change({"sound": sound, "sensing": hours})
        return judged


def _configured(draft: Draft) -> SoundConfig:
    return convert(draft.get("sound", {}), SoundConfig, "sound")
