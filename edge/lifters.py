"""The lifter that a configuration asks for. Only the models that ship are opened; nothing falls back to another kind."""

from pathlib import Path

from edge.config import LifterConfig
from edge.lifter import GeometricLifter, Lifter
from edge.network_lifter import INT8, NetworkLifter

MODELS = Path(__file__).parent / "models"


def make_lifter(config: LifterConfig) -> Lifter:
    """The lifter of `config.kind`. Raises ModelError where its model is missing or damaged."""
    if config.kind == "geometric":
        return GeometricLifter(config)
    return NetworkLifter(MODELS / lifter_file(config))


def lifter_file(config: LifterConfig) -> str:
    """Name of the network's file among the models; the float file beside it is for comparison."""
    return f"lifter_{config.kind}{INT8}.tflite"
