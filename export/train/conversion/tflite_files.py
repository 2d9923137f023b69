"""PyTorch -> float .tflite -> int8 .tflite."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

Inputs = tuple[npt.NDArray[np.float32], ...]


def to_float(net: nn.Module, example: Sequence[Tensor], path: Path) -> None:
    """Write a network as float .tflite with the shapes of `example`."""
    import litert_torch

    litert_torch.convert(net.eval(), tuple(example)).export(str(path))


def to_int8(float_path: Path, path: Path, calibration: Sequence[Inputs]) -> None:
    """Quantize weights and activations to 8 bits. calibration: real inputs (1, ...)."""
    from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer, recipe
    from ai_edge_quantizer.utils import qsv_utils

    q = quantizer.Quantizer(str(float_path))
    q.load_quantization_recipe(recipe.static_wi8_ai8())
    for end in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        # The file quantizes its inputs itself, so that both forms are called alike.
        q.update_quantization_recipe(
            ".*", end, algorithm_key=algorithm_manager.AlgorithmName.NO_QUANTIZE
        )
    # The default calibration is a moving average of the extremes: it clips peaks.
    c = calibrator.Calibrator(
        str(float_path), num_threads=1, qsv_update_func=qsv_utils.min_max_update
    )
    named = [{f"args_{k}": x for k, x in enumerate(inputs)} for inputs in calibration]
    c.calibrate({"serving_default": named}, q._recipe_manager)
    path.unlink(missing_ok=True)  # export_model refuses to overwrite
    q.quantize(c.get_model_qsvs()).export_model(str(path))
