"""The small networks of `mlp` in PyTorch, for training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from export.baselines.mlp import LEAK
from export.extras import optional

SIGMA_COVERAGE = 0.683  # share of the errors that 1 sigma shall hold


def require_torch() -> Any:
    """The torch module. Raises ConfigError where it is not installed."""
    return optional("torch", "training", "train")


@dataclass(frozen=True)
class BaselineTraining:
    """Sizes and seeds. people: drawn from the body bank. detected: views of them with the detector
    model's errors. vision_steps, sound_steps: of the image networks and of the sound network.
    """

    seed: int = 1
    people: int = 12000
    detected: int = 10000
    vision_steps: int = 8000
    vision_width: int = 320
    root_width: int = 128
    sound_steps: int = 3000
    sound_width: int = 96
    batch: int = 512
    scenes_for_calibration: int = 400


class TrainableMlp:
    """`mlp.Mlp` in PyTorch: the same layers, with gradients.

    inputs: (N, I) examples, for the standardisation. widths: outputs of each layer, the last one
    the network's.
    """

    def __init__(self, inputs: npt.NDArray[np.float32], widths: tuple[int, ...], seed: int) -> None:
        torch = require_torch()
        generator = torch.Generator().manual_seed(seed)
        self._mean = torch.from_numpy(inputs.mean(axis=0))
        self._scale = torch.from_numpy(np.maximum(inputs.std(axis=0), 1e-2))
        self._layers = []
        before = inputs.shape[1]
        for k, width in enumerate(widths):
            gain = 0.1 if k == len(widths) - 1 else 1.0
            weight = torch.randn((width, before), generator=generator) * gain / np.sqrt(before)
            self._layers.append((weight.requires_grad_(), torch.zeros(width, requires_grad=True)))
            before = width

    def start_at(self, outputs: list[float]) -> None:
        """Start with these outputs (O,) for any input."""
        torch = require_torch()
        with torch.no_grad():
            self._layers[-1][1].copy_(torch.tensor(outputs))

    @property
    def parameters(self) -> list[Any]:
        """Tensors to train."""
        return [p for layer in self._layers for p in layer]

    def __call__(self, x: Any) -> Any:
        """Inputs (N, I) -> outputs (N, O)."""
        torch = require_torch()
        x = (x - self._mean) / self._scale
        for k, (weight, bias) in enumerate(self._layers):
            y = x @ weight.T + bias
            if k < len(self._layers) - 1:
                y = torch.nn.functional.leaky_relu(y, LEAK)
                y = x + y if y.shape == x.shape and k > 0 else y
            x = y
        return x

    def arrays(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """What `mlp.mlp_from` reads, under "name/..."; weights as float16, which is enough."""
        out = {f"{name}/mean": self._mean.numpy(), f"{name}/scale": self._scale.numpy()}
        for k, (weight, bias) in enumerate(self._layers):
            out[f"{name}/weight{k}"] = weight.detach().numpy().astype(np.float16)
            out[f"{name}/bias{k}"] = bias.detach().numpy().copy()
        return out


def pinball(error: Any, log_sigma: Any) -> Any:
    """Pinball loss: SIGMA_COVERAGE of errors below exp(log_sigma); no gradient to the error."""
    torch = require_torch()
    off = error.detach() - log_sigma.exp()
    return torch.maximum(SIGMA_COVERAGE * off, (SIGMA_COVERAGE - 1.0) * off).mean()
