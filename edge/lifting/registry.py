"""The lifter that a configuration asks for. Only the models that ship are opened; nothing falls
back to another kind.
"""

from pathlib import Path

from edge.core.config import LifterConfig
from edge.core.inference.execution import Execution, Variant
from edge.lifting.geometric_lifter import GeometricLifter, Lifter
from edge.lifting.network_lifter import INT8, NetworkLifter, card_path, load_card

MODELS = Path(__file__).parents[1] / "models"


def make_lifter(config: LifterConfig, execution: Execution) -> Lifter:
    """The lifter of `config.kind`, on its runtime. Raises ModelError where its model is missing or
    damaged.
    """
    if config.kind == "geometric":
        return GeometricLifter(config)
    return NetworkLifter(
        MODELS / lifter_file(config.kind, execution.variant),
        execution.lifter_threads,
        execution.runtime,
    )


def lifter_file(kind: str, variant: Variant) -> str:
    """Name of the network's file among the models."""
    return f"lifter_{kind}{INT8 if variant == 'int8' else ''}.tflite"


def lifter_files(kind: str, variant: Variant) -> list[str]:
    """All model files that this lifter runs: its own, and the network that sees. Raises ModelError
    where there is no card.
    """
    if kind == "geometric":
        return []
    name = lifter_file(kind, variant)
    return [name, load_card(card_path(MODELS / name)).vision]
