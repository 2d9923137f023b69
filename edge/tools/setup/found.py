"""What is plugged into this computer: its board, microphone arrays and cameras. Opens nothing."""

import fcntl
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.core.errors import DeviceError
from edge.core.profiles import ArrayProfile, board_model, load_array, load_board, names
from edge.sources.camera.picamera import list_cameras
from edge.sources.holders import card_id

_ANY_BOARD = "linux-pc"
# linux/videodev2.h: VIDIOC_QUERYCAP and the bits of struct v4l2_capability.
_QUERYCAP, _CAPABILITY_BYTES = 0x80685600, 104
_CAPTURES, _DEVICE_CAPS = 0x00000001, 0x80000000


@dataclass(frozen=True, slots=True)
class FoundArray:
    """A known array at a sound card. card: its name in ALSA."""

    name: str
    profile: ArrayProfile
    card: str

    @property
    def pcm(self) -> str:
        """The card for ALSA, by its name, without conversions."""
        return f"hw:CARD={self.card}"


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera. backend, device: as in the configuration. model: as its driver names it."""

    backend: str
    device: str
    model: str

    @property
    def value(self) -> str:
        """Its name among the answers."""
        return self.device if self.backend == "v4l2" else f"{self.backend}:{self.device}"


def this_board(root: Path = Path("/")) -> tuple[str, str]:
    """(name in firmware_config/boards, what the computer says it is)."""
    model = board_model(root / "proc")
    if not model:
        return _ANY_BOARD, "no Raspberry Pi"
    for name in names("boards"):
        if model.lower().startswith(load_board(name).title.lower()):
            return name, model
    return _ANY_BOARD, model


def sound_card_names(root: Path = Path("/")) -> list[str]:
    """The names of all sound cards."""
    return [name for folder in _cards(root) if (name := card_id(folder))]


def arrays(root: Path = Path("/")) -> list[FoundArray]:
    """Known arrays among the sound cards, by USB id or by the card's name."""
    profiles = {name: load_array(name) for name in names("arrays")}
    found = []
    for folder in _cards(root):
        card, usb = card_id(folder), _text(folder / "usbid")
        for name, profile in profiles.items():
            if card and ((profile.usb_id and usb == profile.usb_id) or card == profile.card):
                found.append(FoundArray(name, profile, card))
                break
    return found


def cameras(
    root: Path = Path("/"), listed: Callable[[], list[tuple[str, str]]] = list_cameras
) -> tuple[list[FoundCamera], str]:
    """(cameras, why those of the board's own connector could not be asked, "" where they could)."""
    problem = ""
    found: list[FoundCamera] = []
    try:
        found += [FoundCamera("picamera2", device, model) for device, model in listed()]
    except DeviceError as e:
        problem = str(e)
    for node in sorted((root / "dev").glob("video[0-9]*"), key=lambda p: (len(p.name), p.name)):
        driver = _captures(node)
        # The board's own cameras are raw sensors for v4l2; picamera2 serves them.
        if driver and not driver.startswith(("unicam", "rp1-cfe", "bcm2835", "pispbe", "rpi-")):
            model = _text(root / "sys/class/video4linux" / node.name / "name")
            found.append(FoundCamera("v4l2", _stable(root, node), model or node.name))
    return found, problem


def _stable(root: Path, node: Path) -> str:
    """A name that stays over restarts, where the system gives one."""
    links = sorted((root / "dev/v4l/by-id").glob("*-index0"))
    same = [link for link in links if link.resolve() == node.resolve()]
    return str(same[0] if same else node)


def _captures(node: Path) -> str:
    """The driver of a device that gives images; "" for any other, such as a codec."""
    try:
        handle = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        answer = fcntl.ioctl(handle, _QUERYCAP, bytes(_CAPABILITY_BYTES))
    except OSError:
        return ""
    finally:
        os.close(handle)
    capabilities, device = struct.unpack_from("<II", answer, 84)
    bits = device if capabilities & _DEVICE_CAPS else capabilities
    return answer[:16].split(b"\0")[0].decode(errors="replace") if bits & _CAPTURES else ""


def _cards(root: Path) -> list[Path]:
    return sorted((root / "proc/asound").glob("card[0-9]*"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
