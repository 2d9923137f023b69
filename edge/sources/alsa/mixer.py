"""The mixer of a sound card: the volumes on which every level in dB SPL and dB(A) rests."""

import re
from typing import Literal

from edge.core.calibration_file import VolumePart
from edge.core.config import AudioConfig
from edge.core.errors import DeviceError
from edge.sources.alsa.card import alsa_module

_OF_CARD = re.compile(r":(?:.*\bCARD=)?([^,=:]+)")

Direction = Literal["capture", "playback"]


def read_volumes(audio: AudioConfig) -> tuple[VolumePart, ...]:
    """What capture and, where the sensor plays, playback are set to now, of the cards that
    audio.capture and audio.playback name; nothing of a card without a mixer, of a device that does
    not name its card, or without pyalsaaudio.
    """
    found = _volumes("capture", audio.capture)
    return found + (_volumes("playback", audio.playback) if audio.plays else ())


def changed_volumes(then: tuple[VolumePart, ...], now: tuple[VolumePart, ...]) -> str:
    """What was set otherwise, and how it is set now; "" where all is as it was, or not known."""
    set_now = {(v.direction, v.control): v.steps for v in now}
    return ", ".join(
        f"{v.direction} volume {v.control!r} was {_words(v.steps)} and is {_words(steps)}"
        for v in then
        if (steps := set_now.get((v.direction, v.control), v.steps)) != v.steps
    )


def _volumes(direction: Direction, device: str) -> tuple[VolumePart, ...]:
    match = _OF_CARD.search(device)
    if match is None:
        return ()
    try:
        alsaaudio, card = alsa_module(), f"hw:CARD={match[1]}"
    except DeviceError:
        return ()
    flow = alsaaudio.PCM_CAPTURE if direction == "capture" else alsaaudio.PCM_PLAYBACK
    try:
        controls = alsaaudio.mixers(device=card)
    except alsaaudio.ALSAAudioError:
        return ()
    parts = []
    for k, control in enumerate(controls):
        alike = controls[:k].count(control)  # of several with one name, the number
        try:
            mixer = alsaaudio.Mixer(control, alike, device=card)
        except alsaaudio.ALSAAudioError:
            continue
        try:
            steps = mixer.getvolume(flow, alsaaudio.VOLUME_UNITS_RAW)
        except alsaaudio.ALSAAudioError:
            continue  # it has none in this direction
        finally:
            mixer.close()
        if steps:
            name = f"{control},{alike}" if alike else control
            parts.append(VolumePart(direction, name, tuple(int(s) for s in steps)))
    return tuple(parts)


def _words(steps: tuple[int, ...]) -> str:
    return "/".join(map(str, steps if len(set(steps)) > 1 else steps[:1]))
