"""Every lifter by the name that `--lifter` takes."""

from collections.abc import Callable
from pathlib import Path

from edge.core.errors import ConfigError, ModelError
from export.baselines.network_predictor import NetworkPredictor
from export.baselines.sound_baselines import AudioOnly, FirstArrival, Geometric
from export.baselines.vision_baselines import (
    AssumedHeight,
    DepthRegression,
    FloorContact,
    TrueHeight,
    VisionOnly,
)
from export.evaluate.evaluation import Predictor

# Each takes the baselines' weights (None: those that ship).
PREDICTORS: dict[str, Callable[[Path | None], Predictor]] = {
    "assumed-height": AssumedHeight,
    "true-height": TrueHeight,
    "floor-contact": FloorContact,
    "depth-regression": DepthRegression,
    "vision-only": VisionOnly,
    "audio-only": AudioOnly,
    "geometric": Geometric,
    "first-arrival": FirstArrival,
}


def make_predictor(name: str) -> Predictor:
    """The lifter of a name. Raises ConfigError for an unknown one, ModelError for its weights."""
    if name in PREDICTORS:
        return PREDICTORS[name](None)
    known = ", ".join(PREDICTORS)
    model, _, variant = name.partition(":")
    if model.endswith(".tflite"):
        if not Path(model).is_file():
            raise ModelError(f"{model}: no such model file")
        return NetworkPredictor(Path(model), variant)
    raise ConfigError(
        f"lifter {name!r} is unknown: one of {known}, or MODEL.tflite[:VARIANT[+VARIANT...]], "
        "is needed"
    )
