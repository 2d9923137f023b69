"""A lifter's card, NAME.json beside its NAME.tflite: what the files are and how to read their
outputs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from edge.core.errors import ConfigError, ModelError
from edge.core.typed import convert, parse_json
from edge.lifting.decoded_pose import Decoding
from edge.lifting.network_form import Form
from edge.lifting.ray_form import RayForm
from edge.lifting.volume_form import VolumeForm

FORMAT, VERSION = "posekernel-lifter", 1
INT8 = "_int8"

T = TypeVar("T")


@dataclass(frozen=True)
class ModelCard:
    """vision: file of the vision network. sha256: of each file, by its name. form, decoding: as
    trained. sound_threshold: the scale comes from sound where the network is at least this sure of
    it.
    """

    vision: str
    sha256: dict[str, str]
    form: Form
    decoding: Decoding
    sound_threshold: float


def card_path(model: Path) -> Path:
    """Where the card of a .tflite lies; the float and the int8 file share it."""
    return model.with_name(model.stem.removesuffix(INT8) + ".json")


class CardFile(msgspec.Struct, frozen=True):
    """One of the model's files."""

    name: str
    sha256: str


class CardConfig(msgspec.Struct, frozen=True):
    """What the program must know to run the networks; spec: of the form, see there."""

    spec: dict[str, Any]
    decoding: dict[str, float]
    sound_threshold: float


class CardJson(msgspec.Struct, frozen=True):
    """The file; what else it says of the training is for people."""

    form: Literal["ray", "volume"]
    config: CardConfig
    files: dict[str, CardFile]


def load_card(path: Path) -> ModelCard:
    """Read a card. Raises ModelError."""
    try:
        raw = parse_json(path.read_bytes())
        found = (raw.get("format"), raw.get("version")) if isinstance(raw, dict) else (None, None)
        if found != (FORMAT, VERSION):
            raise ModelError(
                f"{path}: found format {found[0]} version {found[1]}, {FORMAT} "
                f"version {VERSION} is needed: install model and program of the same release"
            )
        card = convert(raw, CardJson)
        files = {file.name: file.sha256 for file in card.files.values()}
        if "vision" not in card.files:
            raise ConfigError("files.vision: missing, but needed")
        if any(Path(name).name != name for name in files):
            raise ConfigError("its files do not lie beside it")
        kind: type[RayForm] | type[VolumeForm] = {"ray": RayForm, "volume": VolumeForm}[card.form]
        return ModelCard(
            vision=card.files["vision"].name,
            sha256=files,
            form=_exactly(kind, card.config.spec, "config.spec"),
            decoding=_exactly(Decoding, card.config.decoding, "config.decoding"),
            sound_threshold=card.config.sound_threshold,
        )
    except OSError as e:
        raise ModelError(
            f"{path}: the model's card cannot be read ({e.strerror}): it belongs beside the .tflite"
        ) from e
    except ConfigError as e:
        raise ModelError(f"{path}: not a lifter's card ({e}): install the file again") from e


def _exactly(kind: type[T], numbers: dict[str, Any], path: str) -> T:
    """A dataclass of numbers. Those of a newer program must not be ignored."""
    if unknown := set(numbers) - set(kind.__annotations__):
        raise ConfigError(f"{path}.{min(unknown)}: no such key")
    return convert(numbers, kind, path)
