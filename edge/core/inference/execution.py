"""How the networks run on this board: runtime, threads and variant as configured; for "auto" as
`posekernel bench --save` found best, else by default.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from edge.core.config import Config, state_folder
from edge.core.errors import ConfigError, ModelError
from edge.core.files import read_file, write_whole
from edge.core.inference.tflite import Runtime, load_runtime
from edge.core.profiles import PROC, board_model
from edge.core.typed import Strict, convert, parse_json

FILE = "board.json"
KEYPOINTS_THREADS, LIFTER_THREADS = 2, 1
Variant = Literal["int8", "float"]
_Threads = Annotated[int, Meta(ge=1, le=16)]

log = logging.getLogger(__name__)


class LifterChoice(Strict, frozen=True):
    """One lifter's fusion network at its fastest."""

    variant: Variant
    threads: _Threads


class BoardChoice(Strict, frozen=True):
    """What `posekernel bench --save` found best on `board`."""

    board: str
    runtime: Runtime
    keypoints_threads: _Threads
    ray: LifterChoice
    volume: LifterChoice
    format: Literal["posekernel-board"] = "posekernel-board"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class Execution:
    """runtime: name of the TFLite runtime, "" where none is installed. variant: of the fusion
    network.

    origin: whether a saved choice was used, in words.
    """

    runtime: str
    keypoints_threads: int
    lifter_threads: int
    variant: Variant
    origin: str

    def as_sentence(self) -> str:
        """For the log and doctor."""
        return (
            f"{self.runtime or 'no TFLite runtime'}, keypoints on {self.keypoints_threads} "
            f"threads, lifter {self.variant} on {self.lifter_threads}; {self.origin}"
        )


def execution(config: Config) -> Execution:
    """How the networks run here. A saved choice that cannot serve is a warning, never an error."""
    kind, lifter = config.lifter.kind, config.lifter
    asked = (config.runtime.tflite, config.keypoints.threads, lifter.threads, lifter.variant)
    saved, origin = _saved(choice_file(config)) if "auto" in asked else (None, "as configured")
    runtime: str = config.runtime.tflite
    if runtime == "auto":
        runtime = saved.runtime if saved else _first_installed()
    best = (
        (saved.volume if kind == "volume" else saved.ray)
        if saved and saved.runtime == runtime
        else None
    )
    # tflite-runtime never sends int8 to XNNPACK: its float file is the faster one.
    default_variant = "float" if runtime == "tflite-runtime" else "int8"
    variant = (
        (best.variant if best else default_variant) if lifter.variant == "auto" else lifter.variant
    )
    keypoints_threads = config.keypoints.threads
    if keypoints_threads == "auto":
        keypoints_threads = saved.keypoints_threads if saved else KEYPOINTS_THREADS
    lifter_threads = lifter.threads
    if lifter_threads == "auto":
        lifter_threads = best.threads if best else LIFTER_THREADS
    return Execution(runtime, keypoints_threads, lifter_threads, cast(Variant, variant), origin)


def choice_file(config: Config) -> Path:
    """Where the board's choice is kept."""
    return state_folder(config) / FILE


def save_choice(path: Path, best: BoardChoice) -> None:
    """Write the choice, whole or not at all. Raises ConfigError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(best), indent=1) + b"\n")
    except OSError as e:
        raise ConfigError(
            f"{path}: the board's choice cannot be saved there ({e.strerror}); set "
            "runtime.state_dir to a folder of your own"
        ) from e


def board_name(proc: Path = PROC) -> str:
    """Model of the board, or of its processor, and the number of its cores."""
    model = board_model(proc)
    if not model:
        try:
            lines = (proc / "cpuinfo").read_text().splitlines()
        except OSError:
            lines = []
        names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        model = next(names, "")
    return f"{model or 'unknown processor'}, {os.cpu_count()} cores"


def _first_installed() -> str:
    try:
        return load_runtime()[0]
    except ModelError:
        return ""  # who runs a network will say what to install


def _saved(path: Path) -> tuple[BoardChoice | None, str]:
    """The choice for this board, and in words where it came from."""
    try:
        found = convert(parse_json(read_file(path)), BoardChoice, "choice")
        if found.board != board_name():
            raise ValueError(f"it was made on {found.board}, this is {board_name()}")
        load_runtime(found.runtime)
    except (FileNotFoundError, NotADirectoryError):
        return None, "defaults; `posekernel bench --save` measures what is best here"
    except (OSError, ValueError) as e:  # ValueError: also ConfigError and ModelError
        log.warning(
            "%s: not used (%s); `posekernel bench --save` writes it anew",
            path,
            " ".join(str(e).split()),
        )
        return None, f"defaults, as {path.name} cannot be used"
    return found, f"measured best here: {path}"
