"""What is known of microphone arrays and boards, from firmware_config/."""

import difflib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.typed import Strict, convert, parse_toml

PROC = Path("/proc")
FIRMWARE_CONFIG = Path(__file__).parents[2] / "firmware_config"

T = TypeVar("T")
_Interface = Literal["usb", "i2s-stereo", "i2s-tdm"]
_Metre = Annotated[float, Meta(ge=-1.0, le=1.0)]


def board_model(proc: Path = PROC) -> str:
    """What the firmware's device tree says the board is; "" where there is none, as on a PC."""
    try:
        raw = (proc / "device-tree" / "model").read_bytes()
    except OSError:
        return ""
    return raw.decode(errors="replace").strip("\0 \n")


class Citation(Strict, frozen=True):
    """A publication that numbers come from; they name its id."""

    id: str
    cite: str


class Whole(Strict, frozen=True):
    """A whole number. source: id of a citation. verified: measured on the real device."""

    value: int
    source: str
    verified: bool


class Span(Strict, frozen=True):
    """Two numbers: a band [Hz], or a camera's field of view [degrees], across and down."""

    value: tuple[float, float]
    source: str
    verified: bool


class Level(Strict, frozen=True):
    """A level [dB]. tolerance_db: its limits by the data sheet, to both sides."""

    value: Annotated[float, Meta(ge=-120.0, le=160.0)]
    source: str
    verified: bool
    tolerance_db: Annotated[float, Meta(ge=0.0, le=20.0)] = 0.0


class MicProfile(Strict, frozen=True):
    """A microphone. position_m: in the array's plane, x right and y up as one looks at its face."""

    channel: Annotated[int, Meta(ge=0, le=63)]
    position_m: tuple[_Metre, _Metre]
    source: str
    verified: bool


class ArrayProfile(Strict, frozen=True):
    """A microphone array. clock: "separate" for playback by another card. required: config keys.

    sensitivity_dbfs: level of a channel at 94 dB SPL, dBFS of a sine. overload_db_spl: where the
    microphones distort. self_noise_dba: sound that would be as loud as their own noise. Each is
    None where it is not published, or depends on a gain that the owner sets.
    """

    title: str
    card: str
    channels: Whole
    playback_channels: Whole
    reference_channel: Whole
    sample_rate_hz: Whole
    highest_rate_hz: Whole
    band_hz: Span
    alsa_period_frames: Whole
    sources: tuple[Citation, ...]
    interface: _Interface = "usb"
    format: Literal["S16_LE", "S32_LE"] = "S16_LE"
    clock: Literal["shared", "separate"] = "shared"
    sensitivity_dbfs: Level | None = None
    overload_db_spl: Level | None = None
    self_noise_dba: Level | None = None
    usb_id: str = ""
    driver: str = ""
    mics: tuple[MicProfile, ...] = ()
    required: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()


class Refusal(Strict, frozen=True):
    """Arrays of this interface do not work on the board, for this reason."""

    interface: str
    reason: str
    source: str
    verified: bool


class BoardProfile(Strict, frozen=True):
    """A computer. camera_device: may hold {width}, {height}, {fps}. packages: to install.
    unsupported: why it cannot be used yet.
    """

    title: str
    camera_backend: str
    camera_device: str
    camera_fov_deg: Span
    fps: Whole
    interfaces: tuple[str, ...]
    sources: tuple[Citation, ...]
    packages: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def names(kind: str) -> list[str]:
    """The names of all "arrays" or "boards"."""
    return sorted(path.stem for path in (FIRMWARE_CONFIG / kind).glob("*.toml"))


def load_array(name: str) -> ArrayProfile:
    """The array of that name. Raises ConfigError for an unknown one."""
    profile = _load("arrays", name, ArrayProfile)
    _check_sources(name, profile, profile.mics)
    return profile


def load_board(name: str) -> BoardProfile:
    """The board of that name. Raises ConfigError for an unknown one."""
    profile = _load("boards", name, BoardProfile)
    _check_sources(name, profile, profile.refusals)
    return profile


def check_pair(array: ArrayProfile, board: BoardProfile) -> None:
    """Raises ConfigError, with the reason, for an array that cannot work on the board, or for a
    board that is not supported yet.
    """
    if board.unsupported:
        raise ConfigError(
            f"{board.title} is not supported yet: {'; '.join(board.unsupported)}. Use a Raspberry "
            "Pi 5"
        )
    if array.interface in board.interfaces:
        return
    reason = next(
        (r.reason for r in board.refusals if r.interface == array.interface),
        f"it offers no {array.interface}",
    )
    raise ConfigError(f"{array.title} on {board.title}: {reason}")


@cache
def pairs() -> tuple[tuple[str, str, str], ...]:
    """Every array and board with the reason against them together, "" where they work."""
    found = []
    for array in names("arrays"):
        for board in names("boards"):
            try:
                check_pair(load_array(array), load_board(board))
                found.append((array, board, ""))
            except ConfigError as e:
                found.append((array, board, str(e)))
    return tuple(found)


def _load(kind: str, name: str, cls: type[T]) -> T:
    path = FIRMWARE_CONFIG / kind / f"{name}.toml"
    if name not in names(kind):
        near = difflib.get_close_matches(name, names(kind), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError(f"{kind[:-1]} {name!r}{hint}: unknown, allowed: {', '.join(names(kind))}")
    try:
        return convert(parse_toml(path.read_text(encoding="utf-8")), cls)
    except ConfigError as e:
        raise ConfigError(f"{path}: {e}") from e


def _check_sources(
    name: str,
    profile: ArrayProfile | BoardProfile,
    more: tuple[MicProfile, ...] | tuple[Refusal, ...],
) -> None:
    known = {s.id for s in profile.sources}
    values = msgspec.structs.asdict(profile).values()
    facts = [f for f in values if isinstance(f, Whole | Span | Level)]
    if unknown := sorted({f.source for f in (*facts, *more)} - known):
        raise ConfigError(f"{name}: no source of id {', '.join(unknown)}; add [[sources]] with it")
