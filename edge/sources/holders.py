"""Which process holds a device, from /proc: what `fuser` says, without the tool."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. own: it is this one."""

    pid: int
    name: str

    @property
    def own(self) -> bool:
        """Whether this process itself holds the device."""
        return self.pid == os.getpid()

    def __str__(self) -> str:
        return f"{'this process itself' if self.own else self.name} (process {self.pid})"


def device_holders(prefixes: tuple[str, ...], proc: Path = _PROC) -> list[Holder]:
    """Processes that have a file open whose path begins with one of `prefixes` and a number, as
    "/dev/video". Without root only one's own processes can be seen.
    """
    found = []
    for folder in sorted(proc.glob("[0-9]*"), key=lambda p: int(p.name)):
        if any(_is_device(path, prefix) for path in _opened(folder) for prefix in prefixes):
            found.append(Holder(int(folder.name), _name(folder)))
    return found


def sound_holders(direction: str, card: str = "", proc: Path = _PROC) -> list[Holder]:
    """Processes that have opened a sound card. direction: "c" (capture) or "p" (playback). card:
    its number or id, "" is any.
    """
    found: dict[int, Holder] = {}
    for status in sorted((proc / "asound").glob(f"card[0-9]*/pcm*{direction}/sub*/status")):
        folder = status.parents[2]
        if card and card not in (folder.name.removeprefix("card"), card_id(folder)):
            continue
        owner = _field(status, "owner_pid")
        if owner.isdigit():
            # The kernel names the thread that opened it.
            pid = _field(proc / owner / "status", "Tgid") or owner
            found[int(pid)] = Holder(int(pid), _name(proc / pid))
    return list(found.values())


def sound_cards(proc: Path = _PROC) -> list[str]:
    """Names of the sound cards as ALSA takes them, "hw:CARD=ArrayUAC10"."""
    folders = sorted((proc / "asound").glob("card[0-9]*"))
    return [f"hw:CARD={name}" for name in map(card_id, folders) if name]


def card_id(folder: Path) -> str:
    """The id of a card by its folder in /proc/asound; "" where there is none."""
    try:
        return (folder / "id").read_text().strip()
    except OSError:
        return ""


def _opened(folder: Path) -> list[str]:
    """The files that a process has open; none where it is another user's, or has ended."""
    opened = []
    with suppress(OSError):
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                opened.append(os.readlink(descriptor))
    return opened


def _is_device(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path.removeprefix(prefix).isdigit()


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text().strip() or "a program"
    except OSError:
        return "a program"


def _field(path: Path, key: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
