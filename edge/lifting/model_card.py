"""A lifter's card, NAME.json beside NAME.tflite: what the files are and how to read outputs."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from edge.core.errors import ConfigError, ModelError
from edge.core.files import read_file
from edge.core.typed import convert, parse_json
from edge.lifting.forms.decoded_pose import Decoding
from edge.lifting.forms.network_form import Form
from edge.lifting.forms.ray_form import RayForm
from edge.lifting.forms.volume_form import VolumeForm

FORMAT, VERSION = "posekernel-lifter", 2
INT8 = "_int8"

Kind = TypeVar("Kind")

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


def load_card(path: Path) -> ModelCard:
    """Read a card. Raises ModelError."""
    try:
        raw = parse_json(read_file(path))
        release = convert(raw, _Release)
        if (release.format, release.version) != (FORMAT, VERSION):
            raise ModelError(
                f"{path}: found format {release.format} version {release.version}, {FORMAT} "
                f"version {VERSION} is needed: install model and program of the same release"
            )
        card = convert(raw, _Card)
        if "vision" not in card.files:
            raise ConfigError("files.vision: missing, but needed")
        if any(Path(file.name).name != file.name for file in card.files.values()):
            raise ConfigError("its files do not lie beside it")
        form: type[RayForm] | type[VolumeForm] = {"ray": RayForm, "volume": VolumeForm}[card.form]
        return ModelCard(
            vision=card.files["vision"].name,
            sha256={file.name: file.sha256 for file in card.files.values()},
            form=_exactly(card.config.spec, form, "config.spec"),
            decoding=_exactly(card.config.decoding, Decoding, "config.decoding"),
            sound_threshold=card.config.sound_threshold,
        )
    except OSError as e:
        raise ModelError(
            f"{path}: the model's card cannot be read ({e.strerror}): it belongs beside the .tflite"
        ) from e
    except ConfigError as e:
        raise ModelError(f"{path}: not a lifter's card ({e}): install the file again") from e


class _Release(msgspec.Struct, frozen=True):
    format: str
    version: int


class _File(msgspec.Struct, frozen=True):
    name: str
    sha256: str


class _Config(msgspec.Struct, frozen=True):
    spec: dict[str, Any]
    decoding: dict[str, Any]
    sound_threshold: float


class _Card(msgspec.Struct, frozen=True):
    """What is read of the file; the rest is for people."""

    form: Literal["ray", "volume"]
    files: dict[str, _File]
    config: _Config


def _exactly(numbers: dict[str, Any], kind: type[Kind], path: str) -> Kind:
    """A dataclass out of its `dataclasses.asdict`. Raises ConfigError, also for other keys."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    if other := [key for key in numbers if key not in known]:
        raise ConfigError(f"{path}.{other[0]}: no such key. Allowed here: {', '.join(known)}")
    return convert(numbers, kind, path)
