"""A lifter's card, NAME.json beside its NAME.tflite: what the files are and how to read their
outputs.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.core.errors import ModelError
from edge.lifting.decoded_pose import Decoding
from edge.lifting.network_form import Form
from edge.lifting.ray_form import RayForm
from edge.lifting.volume_form import VolumeForm

FORMAT, VERSION = "posekernel-lifter", 1
INT8 = "_int8"


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
        data: dict[str, Any] = json.loads(path.read_text())
        if (data["format"], data["version"]) != (FORMAT, VERSION):
            raise ModelError(
                f"{path}: found format {data['format']} version {data['version']}, {FORMAT} "
                f"version {VERSION} is needed: install model and program of the same release"
            )
        files = {str(file["name"]): str(file["sha256"]) for file in data["files"].values()}
        if any(Path(name).name != name for name in files):
            raise ValueError("its files do not lie beside it")
        return ModelCard(
            vision=str(data["files"]["vision"]["name"]),
            sha256=files,
            form=_form(data["form"], data["config"]["spec"]),
            decoding=Decoding(**data["config"]["decoding"]),
            sound_threshold=float(data["config"]["sound_threshold"]),
        )
    except OSError as e:
        raise ModelError(
            f"{path}: the model's card cannot be read ({e.strerror}): it belongs beside the .tflite"
        ) from e
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as e:
        raise ModelError(
            f"{path}: not a lifter's card ({type(e).__name__}: {e}): install the file again"
        ) from e


def _form(name: str, numbers: dict[str, Any]) -> Form:
    """A form out of its `dataclasses.asdict`. Raises KeyError for an unknown form, TypeError for
    unknown numbers.
    """
    kind: type[RayForm] | type[VolumeForm] = {"ray": RayForm, "volume": VolumeForm}[name]
    return kind(**numbers | {"gate": tuple(numbers["gate"])})
