"""The contract of a lifter, and the one that a configuration asks for.

Only models that ship are opened; nothing falls back to another kind.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge.core.config import LifterConfig
from edge.core.inference.execution import Execution, Variant
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.core.stature import BodySize
from edge.lifting.geometric_lifter import GeometricLifter
from edge.lifting.model_card import INT8, card_path, load_card
from edge.lifting.network_lifter import NetworkLifter
from edge.lifting.vision_model import VisionModel
from edge.sound.pose_kernel import Kernels

MODELS = Path(__file__).parents[1] / "models"
VISION = "lifter_vision.tflite"


class Lifter(Protocol):
    """2D joints and pose kernels -> joints in metres."""

    def __call__(
        self,
        people: Sequence[Keypoints],
        kernels: Kernels | None,
        rig: Rig,
        sizes: Sequence[BodySize | None] = (),
    ) -> list[LiftedPose | None]:
        """The pose of each of the people in one image, in their order; None for one of whom too few
        joints are seen.

        Their echoes arrive in the same kernels, so that they are lifted together; the order makes
        no difference. kernels None: no usable sound; the scale is then assumed. Where another's
        echo hides somebody's, their scale is assumed, too, and their sound_confidence is NaN.
        sizes: how tall each of them is, None where that is not known; empty: of nobody.
        """


def make_lifter(config: LifterConfig, execution: Execution) -> Lifter:
    """The lifter of `config.kind`. Raises ModelError where its model is missing or damaged."""
    if config.kind == "geometric":
        see = VisionModel(MODELS / VISION, execution.lifter_threads, execution.runtime)
        return GeometricLifter(config, see)
    return NetworkLifter(
        MODELS / lifter_file(config.kind, execution.variant),
        execution.lifter_threads,
        execution.runtime,
    )


def lifter_file(kind: str, variant: Variant) -> str:
    """Name of the network's file among the models."""
    return f"lifter_{kind}{INT8 if variant == 'int8' else ''}.tflite"


def lifter_files(kind: str, variant: Variant) -> list[str]:
    """The model files that this lifter runs: fusion (not `geometric`) and vision network. Raises
    ModelError.
    """
    if kind == "geometric":
        return [VISION]
    name = lifter_file(kind, variant)
    return [name, load_card(card_path(MODELS / name)).vision]
