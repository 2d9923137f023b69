"""Where the loudspeaker and the microphones are, as a tape measure tells from the lens."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from edge.core.arrays import Array
from edge.core.errors import ConfigError
from edge.core.profiles import ArrayProfile, load_array
from edge.core.typed import Strict
from edge.tools.new_config import Place, mic_positions, place_settings
from edge.tools.setup.draft import Draft
from edge.tools.setup.pictures import drawing, svg
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_Centimetres = Annotated[float, Meta(ge=-300.0, le=300.0)]
_Point = tuple[_Centimetres, _Centimetres, _Centimetres]
_Side = Literal["right", "left", "below", "above", "elsewhere"]
# [right, down, forward] of the lens, cm, with the array 6 cm below it as in the pictures.
_USUAL: dict[str, tuple[float, float, float]] = {
    "right": (10.0, 6.0, 0.0),
    "left": (-10.0, 6.0, 0.0),
    "below": (0.0, 18.0, 0.0),
    "above": (0.0, -10.0, 0.0),
}
_LABELS = {
    "right": "right of the array, seen from behind",
    "left": "left of the array, seen from behind",
    "below": "below the array",
    "above": "above the camera",
    "elsewhere": "elsewhere: I measure it",
}
_SAME_M = 0.002
# Nearer the direct sound drowns the echoes; farther the two are no longer one thing to hang up [m].
_NEAR_M, _FAR_M = 0.04, 0.6


class LoudspeakerAnswers(Strict, frozen=True):
    """[loudspeaker], all in cm: [right, down, forward] of the lens, as the camera looks.

    place: where the loudspeaker is. speaker_cm: its measured centre; left out as in the picture of
    `place`. array_cm: the array's centre; left out: as it was, else 6 cm below the lens. mount:
    "facing" the room or "flat", its face up.
    turn_deg: the array turned, anticlockwise as one looks at its face. mics_cm: each microphone,
    for an array whose geometry is not known.
    """

    place: _Side = "right"
    speaker_cm: _Point | None = None
    array_cm: _Point | None = None
    mount: Literal["facing", "flat"] = "facing"
    turn_deg: Annotated[float, Meta(ge=-360.0, le=360.0)] = 0.0
    mics_cm: tuple[_Point, ...] | None = None


class LoudspeakerStep:
    """rig.speakers_m and rig.mics_m."""

    name, title, answers = "loudspeaker", "Loudspeaker and microphones", LoudspeakerAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """As the configuration has it, else as in the first picture."""
        known = _known_place(draft)
        side = "right" if known is None else _side(known)
        choices = tuple(Choice(s, _LABELS[s], drawing(s), svg(s, _LABELS[s])) for s in _LABELS)
        centre = Place((0.0, 0.0, 0.0)) if known is None else known
        told = () if known is None else (f"it is {_words(known)}",)
        array = load_array(draft.get("calibration.array", "generic-usb"))
        measured = _has_measured_mics(draft, known)
        questions = [
            Question(
                "place",
                "Where is the loudspeaker",
                side,
                "choice",
                "Seen from behind the sensor, as the camera looks: who faces it sees it the other "
                "way round.",
                choices,
            ),
            Question(
                "speaker_cm",
                "Its centre, cm right, down and forward of the lens (left and up are negative)",
                "",
                "numbers",
                help="Empty: as it is, or as in the picture. It counts to a few millimetres.",
            ),
        ]
        if array.mics:
            questions += _mounting_questions(centre, measured)
        else:
            questions.append(_mics_question(draft))
        return Asked(tuple(questions), told)

    def settle(self, draft: Draft, answer: LoudspeakerAnswers, say: Say) -> list[Judgement]:
        """Near enough to be one sensor, and not on top of each other."""
        array = load_array(draft.get("calibration.array", "generic-usb"))
        known = _known_place(draft)
        place = _place(answer, known)
        rig = place_settings(array, place)
        if answer.array_cm is None and _has_measured_mics(draft, known):
            rig["mics_m"] = draft.get("rig.mics_m")
        elif not array.mics:
            if answer.mics_cm is None:
                kept = draft.get("rig.mics_m")
                if not kept:
                    raise AnswerError(
                        "mics_cm",
                        f"missing, but the geometry of {array.title} is not known; give each "
                        "microphone, such as [[-3.2, 6, 0], [3.2, 6, 0]]",
                    )
                rig["mics_m"] = kept
            else:
                rig["mics_m"] = [[round(x / 100.0, 4) for x in mic] for mic in answer.mics_cm]
        mics = np.array(rig["mics_m"], np.float64)
        nearest, far = _distances(mics, place)
        if nearest < _NEAR_M:
            raise AnswerError(
                "speaker_cm",
                f"the loudspeaker would be {100 * nearest:.1f} cm from a microphone, but at least "
                f"{100 * _NEAR_M:.0f} cm are needed; move it away, or measure again",
            )
        draft.change({"rig": rig})
        text = f"the loudspeaker is {100 * nearest:.0f} to {100 * far:.0f} cm from the microphones"
        if far > _FAR_M:
            remedy = "nearer is better: 10 cm beside the array, or measure again"
            return [Judgement("usable", text, remedy)]
        return [Judgement("good", text)]


def _mounting_questions(centre: Place, measured: bool) -> tuple[Question, ...]:
    middle = "The middle of its microphones."
    if measured:
        middle += " Empty: each stays where the configuration has it."
    return (
        Question(
            "array_cm",
            "The array's centre, cm right, down and forward of the lens",
            "" if measured else _cm(centre.array_m),
            "numbers",
            help=middle,
        ),
        Question(
            "mount", "How is the array mounted", centre.mount, "choice",
            "Its face is the side with the microphones.",
            (
                Choice("facing", "its face to the room"), Choice("flat", "flat, its face up")
            ),
        ),
        Question(
            "turn_deg", "By how many degrees is it turned", centre.turn_deg, "number",
            help="Anticlockwise as one looks at its face; 0: as its maker draws it.",
        ),
    )  # fmt: skip


def _mics_question(draft: Draft) -> Question:
    kept = "" if draft.get("rig.mics_m") else None
    return Question(
        "mics_cm",
        "Each microphone, cm right, down and forward of the lens, with ; between them",
        kept,
        "points",
        "In the order of the channels, such as -3.2 6 0; 3.2 6 0",
    )


def _place(answer: LoudspeakerAnswers, known: Place | None) -> Place:
    if answer.speaker_cm is not None:
        speaker = _metres(answer.speaker_cm)
    elif known is not None and _side(known) == answer.place:
        speaker = known.speaker_m
    elif answer.place in _USUAL:
        speaker = _metres(_USUAL[answer.place])
    else:
        raise AnswerError(
            "speaker_cm", 'missing, but place = "elsewhere" needs it, such as [10, 6, 0]'
        )
    if answer.array_cm is not None:
        centre = _metres(answer.array_cm)
    else:
        centre = Place(speaker).array_m if known is None else known.array_m
    return Place(speaker, centre, answer.mount, answer.turn_deg)


def _has_measured_mics(draft: Draft, known: Place | None) -> bool:
    """Whether the configuration has the array's microphones where no mounting puts them."""
    array = load_array(draft.get("calibration.array", "generic-usb"))
    mics = draft.get("rig.mics_m", ())
    if known is None or not array.mics or len(array.mics) != len(mics):
        return False
    return bool(np.abs(mic_positions(array, known) - np.array(mics)).max() >= _SAME_M)


def _known_place(draft: Draft) -> Place | None:
    """What the rig's places mean; None where there is none, or no turn of the array explains it."""
    rig, name = draft.get("rig", {}), draft.get("calibration.array", "")
    speakers, mics = rig.get("speakers_m"), np.array(rig.get("mics_m", ()), np.float64)
    if not speakers:
        return None
    speaker = (float(speakers[0][0]), float(speakers[0][1]), float(speakers[0][2]))
    try:
        array = load_array(name)
    except ConfigError:
        return Place(speaker)
    if not array.mics or len(array.mics) != len(mics):
        return Place(speaker)
    return _mounted(array, speaker, mics) or Place(speaker)


def _mounted(array: ArrayProfile, speaker: tuple[float, float, float], mics: Array) -> Place | None:
    own = mic_positions(array, Place(speaker, (0.0, 0.0, 0.0)))
    x, y, z = (float(v) for v in (mics - own).mean(axis=0))
    centre = (round(x, 4), round(y, 4), round(z, 4))
    places = [
        Place(speaker, centre, mount, float(turn))
        for mount in ("facing", "flat")
        for turn in range(-180, 180)
    ]
    off_m = [float(np.abs(mic_positions(array, at) - mics).max()) for at in places]
    best = int(np.argmin(off_m))
    return places[best] if off_m[best] < _SAME_M else None


def _side(place: Place) -> str:
    for side, usual in _USUAL.items():
        if math.dist(_metres(usual), place.speaker_m) < _SAME_M:
            return side
    return "elsewhere"


def _distances(mics: Array, place: Place) -> tuple[float, float]:
    apart = np.linalg.norm(mics - np.array(place.speaker_m), axis=1)
    return float(apart.min()), float(apart.max())


def _words(place: Place) -> str:
    right, down, forward = _cm(place.speaker_m)
    return f"{right:g} cm right, {down:g} cm down and {forward:g} cm forward of the lens"


def _metres(point: tuple[float, float, float]) -> tuple[float, float, float]:
    return round(point[0] / 100.0, 4), round(point[1] / 100.0, 4), round(point[2] / 100.0, 4)


def _cm(point: tuple[float, float, float]) -> list[float]:
    return [round(100.0 * x, 2) for x in point]
