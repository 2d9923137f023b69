"""The lifter that a configuration asks for. Only the models that ship are opened; nothing falls back to another kind."""

from pathlib import Path

from edge.config import LifterConfig
from edge.lifter import GeometricLifter, Lifter
from edge.network_lifter import INT8, NetworkLifter, card_path, load_card

MODELS = Path(__file__).parent / "models"


def make_lifter(config: LifterConfig) -> Lifter:
    """The lifter of `config.kind`. Raises ModelError where its model is missing or damaged."""
    if config.kind == "geometric":
        return GeometricLifter(config)
    return NetworkLifter(MODELS / lifter_file(config))


def lifter_file(config: LifterConfig) -> str:
    """Name of the network's file among the models; the float file beside it is for comparison."""
    return f"lifter_{config.kind}{INT8}.tflite"


def lifter_files(config: LifterConfig) -> list[str]:
    """All model files that this lifter runs: its own, and the network that sees. Raises ModelError where there is no card."""
    if config.kind == "geometric":
        return []
    name = lifter_file(config)
    return [name, load_card(card_path(MODELS / name)).vision]
