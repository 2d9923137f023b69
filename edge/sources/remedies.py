"""One remedy for each cause why a sound card or a camera does not open: the one place for these
words, which `run`, `record` and `doctor` all say.

Every function gives "cause; remedy".
"""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path

from edge.sources.holders import Holder, card_id, device_holders, sound_cards, sound_holders

CAMERA_DEVICES = ("/dev/video", "/dev/media")
_CODES = (
    errno.EBUSY,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENODEV,
    errno.ENXIO,
    errno.EINVAL,
    errno.EIO,
)
_BY_TEXT = {os.strerror(code).lower(): code for code in _CODES}
_NUMBERED = re.compile(r"\b\w+:(?:CARD=)?(\d+)\b")
_NAMED = re.compile(r":(?:CARD=)?([^,]+)")


def causes(error: BaseException) -> str:
    """What an error and those behind it say, the outermost first. picamera2 hides the cause."""
    told: list[str] = []
    at: BaseException | None = error
    while at is not None:
        text = str(at).strip().rstrip(".") or type(at).__name__
        if not any(text in before for before in told):
            told.append(text)
        at = at.__cause__ or at.__context__
    return ": ".join(told)


def error_code(text: str) -> int:
    """The errno that a message of the C library names; 0 for none."""
    low = text.lower()
    return next((code for words, code in _BY_TEXT.items() if words in low), 0)


def sound_problem(kind: str, device: str, text: str, offered: Callable[[], str]) -> str:
    """Why audio.`kind` ("capture", "playback") did not open. offered: says what it takes."""
    code, listing = error_code(text), "arecord -L" if kind == "capture" else "aplay -L"
    found = f"audio.{kind} {device!r} cannot be opened ({text})"
    if code == errno.EBUSY:
        held = sound_holders(kind[0], _card(device))
        return f"{found}: another program uses it; {_end(held, 'sudo fuser -v /dev/snd/*')}"
    if code in (errno.EACCES, errno.EPERM):
        return f"{found}: this user may not; {_join_group('audio')}"
    here = f"sound cards here: {', '.join(sound_cards()) or 'none'}"
    other = f"set audio.{kind} to one that `{listing}` names"
    if code == errno.ENOENT:
        return f"{found}: there is no device of this name, {here}; {other}"
    if code in (errno.ENODEV, errno.ENXIO):
        return (
            f"{found}: the card is not there, unplugged or under another name, {here}; "
            f"plug it in again, or {other}"
        )
    if code == errno.EINVAL:
        return f"{found}: it does not take this format; set section [audio] to {offered()}"
    if code == errno.EIO:
        return f"{found}: the card does not answer; plug it in anew, at another USB port"
    return f"{found}; check the name against `{listing}` and the cable"


def numbered_card(device: str, cards: Path = Path("/proc/asound")) -> str:
    """The warning for a card that is named by its number, as hw:1; "" for any other name."""
    match = _NUMBERED.search(device)
    if match is None:
        return ""
    name = card_id(cards / f"card{match[1]}") or "NAME"
    return (
        f"{device!r} names a card by its number, which changes with the order of starting; "
        f"use hw:CARD={name}"
    )


def numbered_camera(device: str, links: Path = Path("/dev/v4l/by-id")) -> str:
    """The warning for one of several cameras that is named by its number, as /dev/video2; "" for
    any other name.
    """
    path = Path(f"/dev/video{device or 0}" if device.isdigit() or not device else device)
    named = {link.resolve(): link for link in links.glob("*-index0")}
    if len(named) < 2 or path.is_symlink() or path not in named:
        return ""
    return (
        f"{str(path)!r} names a camera by its number, which changes with the order of starting; "
        f"use {named[path]}"
    )


def camera_problem(name: str, text: str, code: int = 0, found: str = "") -> str:
    """Why a camera did not open. text: what the driver said. found: the cameras that are here."""
    code, low = code or error_code(text), text.lower()
    said = f"{name} did not open ({text})"
    if code == errno.EBUSY or "in use" in low or "failed to acquire" in low:
        tool = "sudo fuser -v /dev/video* /dev/media*"
        return f"{said}: another program uses it; {_end(device_holders(CAMERA_DEVICES), tool)}"
    if code in (errno.EACCES, errno.EPERM):
        return f"{said}: this user may not; {_join_group('video')}"
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "out of range" in low:
        here = f", cameras here: {found}" if found else ""
        return f"{said}: it is not there{here}; plug it in, or correct camera.device"
    if "not found" in low:
        return (
            f"{said}: no camera was found; check its cable with the power off, "
            "then ask rpicam-hello --list-cameras"
        )
    return f"{said}; check its cable, and ask rpicam-hello --list-cameras"


def _end(held: list[Holder], tool: str) -> str:
    if not held:
        return f"end it: `{tool}` names it (the sensor itself: `sudo systemctl stop posekernel`)"
    return f"end {' and '.join(map(str, held))}"


def _join_group(group: str) -> str:
    return f"`sudo usermod -aG {group} USER` with its name, then log in again (or restart the unit)"


def _card(device: str) -> str:
    match = _NAMED.search(device)
    return match[1] if match else ""
