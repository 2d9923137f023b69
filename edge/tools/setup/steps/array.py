"""Which computer and which microphone array this is, and whether the array can be opened."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from edge.core.config import AudioConfig
from edge.core.errors import ConfigError, DeviceError
from edge.core.profiles import ArrayProfile, check_pair, load_array, load_board, names
from edge.core.typed import Strict, convert
from edge.sources.alsa.card import open_card
from edge.tools.new_config import array_settings
from edge.tools.setup import found
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_PERIODS_HZ = 50
_CARD = ("channels", "mic_channels", "reference_channel", "playback_channels", "format")
_ANY_CARD = "generic-usb"
_DATA_SHEET = "Its data sheet tells, or `arecord -D DEVICE --dump-hw-params /dev/null`."
# What the questions call these keys of the configuration.
_SAID = {
    "excitation.sample_rate_hz": "its sample rate",
    "audio.playback_channels": "how many channels it plays",
    "audio.channels": "how many channels it records",
    "audio.capture": "the device to record from",
    "audio.playback": "the device to play with",
}


class ArrayAnswers(Strict, frozen=True):
    """[array]. capture, playback: ALSA devices, "" for the array's own. The rest: only where the
    card differs from what is known of the array, as any generic-usb does.
    """

    board: str
    array: str
    capture: str = ""
    playback: str = ""
    channels: int | None = None
    mic_channels: tuple[int, ...] | None = None
    reference_channel: int | None = None
    playback_channels: int | None = None
    format: Literal["S16_LE", "S32_LE"] | None = None
    sample_rate_hz: int | None = None


class ArrayStep:
    """[audio], [excitation] and calibration.array."""

    name, title, answers = "array", "Computer and microphone array", ArrayAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """What is plugged in, and otherwise what would be known."""
        board, model = found.this_board()
        here = found.arrays()
        told = [f"this computer: {model} ({load_board(board).title})"]
        told += [f"{a.profile.title} at sound card {a.card}" for a in here]
        configured = draft.get("calibration.array")
        named = not here and configured == _ANY_CARD  # no USB number tells that it is there
        missing = "" if here or named or given.get("capture") else _missing(draft)
        default = here[0].name if here else configured if named or given.get("capture") else None
        if any(a.name == configured for a in here):
            default = configured
        kept = draft.get("audio", {}) if missing or named else {}
        by_hand = None if missing or named or given.get("capture") else ("array", (_ANY_CARD,))
        apart = by_hand and ("array", (_ANY_CARD, *_without_output()))
        questions = (
            Question(
                "board", "Which computer is it", board, "choice",
                "It decides which arrays fit, and how many images a second are looked at.",
                _boards(),
            ),
            Question(
                "array", "Which microphone array", default, "choice",
                "Of another card you are asked for its channels.", _arrays(),
            ),
            Question(
                "capture", "ALSA device to record from", kept.get("capture", ""),
                only_for=by_hand,
                help="Empty: the array's own. `arecord -L` lists them.",
            ),
            Question(
                "playback", "ALSA device to play with", kept.get("playback", ""),
                only_for=apart,
                help="Of the same card, so that both keep one clock.",
            ),
            *_card_questions(draft if configured == _ANY_CARD else None),
        )  # fmt: skip
        return Asked(questions, tuple(told), missing)

    def settle(self, draft: Draft, answer: ArrayAnswers, say: Say) -> list[Judgement]:
        """Open both directions of the card, without a sound."""
        if answer.array not in names("arrays"):
            raise AnswerError("array", _unknown("array", answer.array))
        if answer.board not in names("boards"):
            raise AnswerError("board", _unknown("board", answer.board))
        array, board = load_array(answer.array), load_board(answer.board)
        try:
            check_pair(array, board)
        except ConfigError as e:
            raise AnswerError("array", str(e)) from e
        settings = array_settings(answer.array, array)
        settings["audio"] |= _devices(answer, array)
        if answer.sample_rate_hz is not None:
            settings["excitation"]["sample_rate_hz"] = answer.sample_rate_hz
            settings["audio"]["alsa_period_frames"] = answer.sample_rate_hz // _PERIODS_HZ
        try:
            audio = convert(settings["audio"], AudioConfig, "audio")
        except ConfigError as e:
            raise AnswerError("channels", str(e)) from e
        _check_channels(audio)
        _open(answer, audio, settings["excitation"]["sample_rate_hz"])
        draft.change(settings)
        draft.board = answer.board
        text = f"{array.title} opens with {audio.channels} channels, {len(audio.mic_channels)} of "
        return [Judgement("good", f"{text}them microphones")]


def _devices(answer: ArrayAnswers, array: ArrayProfile) -> dict[str, Any]:
    own = next((a.pcm for a in found.arrays() if a.name == answer.array), "")
    capture = answer.capture or own
    if not capture:
        cards = ", ".join(found.sound_card_names()) or "none"
        raise AnswerError(
            "array",
            f"{array.title} is not plugged in (sound cards here: {cards}); plug it in, or name "
            "the ALSA device in capture",
        )
    playback = answer.playback or ("" if array.clock == "separate" else capture)
    if not playback:
        raise AnswerError(
            "playback",
            f"missing, but {array.title} has no output of its own; name the loudspeaker's device",
        )
    extra = {key: value for key in _CARD if (value := getattr(answer, key)) is not None}
    if not array.mics and "mic_channels" not in extra:
        raise AnswerError("mic_channels", f"missing, but {array.title} needs it, such as [0, 1]")
    return {"capture": capture, "playback": playback, **msgspec.to_builtins(extra)}


def _check_channels(audio: AudioConfig) -> None:
    used = [*audio.mic_channels, *([audio.reference_channel] * (audio.reference_channel >= 0))]
    if any(not 0 <= c < audio.channels for c in used) or len(set(used)) != len(used):
        raise AnswerError(
            "mic_channels",
            f"found {used} with the loopback, allowed: each of 0 to {audio.channels - 1} once",
        )


def _open(answer: ArrayAnswers, audio: AudioConfig, rate: int) -> None:
    try:
        open_card(audio, rate).close()
    except DeviceError as e:
        text = str(e)
        key = "playback" if "audio.playback" in text and answer.playback else "capture"
        for name, words in _SAID.items():
            text = text.replace(name, words)
        raise AnswerError(key if answer.capture else "array", text) from e


def _missing(draft: Draft) -> str:
    cards = ", ".join(found.sound_card_names()) or "none"
    return (
        f"no microphone array that posekernel knows is plugged in (sound cards here: {cards}); "
        "plug it into a USB port (or the header), wait five seconds and look again"
    )


def _card_questions(draft: Draft | None) -> tuple[Question, ...]:
    """draft: of such a card already, else None."""
    only = ("array", (_ANY_CARD,))
    card = load_array(_ANY_CARD)
    kept = draft.get("audio", {}) if draft else {}
    rate = draft.get("excitation.sample_rate_hz") if draft else None
    return (
        Question(
            "sample_rate_hz", "Its sample rate, Hz", rate or card.sample_rate_hz.value, "number",
            _DATA_SHEET, only_for=only,
        ),
        Question(
            "channels", "How many channels does it record",
            kept.get("channels", card.channels.value), "number", _DATA_SHEET, only_for=only,
        ),
        Question(
            "mic_channels", "Which of them are microphones, counted from 0",
            kept.get("mic_channels", [0, 1]), "numbers",
            "Other channels may be a mix, or what is played.", only_for=only,
        ),
        Question(
            "reference_channel", "Which of them records what is played, -1 for none",
            kept.get("reference_channel", -1), "number",
            "A loopback inside the card; few have one.", only_for=only,
        ),
        Question(
            "playback_channels", "How many channels does it play",
            kept.get("playback_channels", card.playback_channels.value),
            "number", _DATA_SHEET, only_for=only,
        ),
    )  # fmt: skip


def _without_output() -> list[str]:
    return [name for name in names("arrays") if load_array(name).clock == "separate"]


def _boards() -> tuple[Choice, ...]:
    return tuple(
        Choice(name, board.title)
        for name in names("boards")
        if not (board := load_board(name)).unsupported
    )


def _arrays() -> tuple[Choice, ...]:
    return tuple(Choice(name, load_array(name).title) for name in names("arrays"))


def _unknown(what: str, name: str) -> str:
    return f"found {name!r:.60}, allowed: {', '.join(names(f'{what}s'))}"
