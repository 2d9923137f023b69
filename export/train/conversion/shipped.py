"""A shipped model as a checkpoint: weights from its float .tflite files, the config from its card.

A converted network has its layers in the order in which they run, and batch normalisations folded
into the convolutions before them. The int8 file cannot be used: its weights are rounded.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edge.core.errors import ModelError
from edge.core.inference.tflite import Model
from edge.core.pose import N_JOINTS
from edge.lifting.forms import ray_form, volume_form
from edge.lifting.forms.network_form import CONTEXT
from edge.lifting.model_card import INT8, card_path, load_card
from edge.lifting.person_view import FEATURES
from export.train.ray_network import VisionNet
from export.train.train_config import TrainConfig, config_from

SUFFIXES = (".json", ".tflite")
TOLERANCE = 1e-5  # of the largest output
_WEIGHTED = (nn.Linear, nn.Conv2d)

Floats = npt.NDArray[Any]  # float32


def load_shipped(path: Path) -> dict[str, Any]:
    """config, vision and fusion as in a checkpoint. path: a card, NAME.json, or NAME.tflite beside
    it.

    Raises ModelError where the networks differ from the files by more than TOLERANCE, or a file is
    missing or damaged. folded is True: the batch normalisations have no statistics and need
    `refit_norms` before training.
    """
    card = card_path(path) if path.suffix == ".tflite" else path
    vision_file = load_card(card).vision
    data = json.loads(card.read_text())
    try:
        training = {
            k: v
            for k, v in data["training"].items()
            if k not in ("trained_steps", "samples", "parameters")
        }
        config, fusion_file = config_from(training), card.with_name(data["files"]["float"]["name"])
    except (KeyError, TypeError) as e:
        raise ModelError(
            f"{card}: has no training configuration ({type(e).__name__}: {e}); take a card "
            "of this version"
        ) from e
    vision, fusion = VisionNet(config.vision), config.make_network()
    _restore(vision, card.with_name(vision_file), _examples(config)[-1:])
    _restore(fusion, fusion_file, _examples(config)[:-1])
    return {
        "config": config.as_dict(),
        "vision": vision.state_dict(),
        "fusion": fusion.state_dict(),
        "folded": True,
    }


def refit_norms(net: nn.Module, batches: Sequence[tuple[Tensor, ...]]) -> None:
    """Set batch normalisations to the statistics of these inputs; outputs stay."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    passed: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}
    hooks = [
        norm.register_forward_hook(lambda norm, inputs, _: passed[norm].append(_moments(inputs[0])))
        for norm in norms
    ]
    training = net.training
    net.eval()
    with torch.no_grad():
        for inputs in batches:
            net(*inputs)
    for hook in hooks:
        hook.remove()
    net.train(training)
    for norm in norms:
        first, second = torch.stack(passed[norm]).mean(dim=0)
        variance = (second - first**2).clamp(min=0.0)
        with torch.no_grad():
            gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            norm.bias.add_(gain * (first - norm.running_mean))
            norm.weight.copy_(gain * (variance + norm.eps).sqrt())
            norm.running_mean.copy_(first)
            norm.running_var.copy_(variance)


def _moments(x: Tensor) -> Tensor:
    """Mean and mean square of each channel (2, C) of (B, C, H, W)."""
    return torch.stack([x.mean(dim=(0, 2, 3)), (x**2).mean(dim=(0, 2, 3))])


def _examples(config: TrainConfig) -> list[Tensor]:
    """Random inputs of the fusion network, then of the vision network, for one person."""
    draw = torch.Generator().manual_seed(1)
    shapes: list[tuple[int, ...]]
    if config.form == "volume":
        s = config.volume.spec
        sound = (s.pairs, s.bins, s.side, s.side, len(volume_form.CHANNELS))
        shapes = [sound, (s.bins, s.side, s.side, N_JOINTS)]
    else:
        shapes = [(config.ray.spec.bins, N_JOINTS * len(ray_form.CHANNELS))]
    return [
        torch.randn((1, *shape), generator=draw) for shape in [*shapes, (CONTEXT,), (FEATURES,)]
    ]


def _restore(net: nn.Module, path: Path, inputs: Sequence[Tensor]) -> None:
    """Load the file's weights into a network. inputs: an example, to find the layers."""
    model = Model(path)  # also checks that the file is whole
    layers = _in_order(net.eval(), inputs)
    stored, positions = _stored(path)
    if len(layers) != len(stored):
        raise ModelError(
            f"{path}: has {len(stored)} layers, the network of its card has {len(layers)}: "
            f"{_remedy(path)}"
        )
    with torch.no_grad():
        for (layer, norm), (weight, bias) in zip(layers, stored, strict=True):
            _put(layer.weight, _oriented(weight, layer), path)
            if norm is None:
                _put(layer.bias, bias, path)
            else:
                _put(norm.bias, bias, path)
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0)
                norm.weight.fill_((1.0 + norm.eps) ** 0.5)
        if isinstance(position := getattr(net, "position", None), nn.Parameter):
            fitting = [p for p in positions if p.size == position.numel()]
            if len(fitting) != 1:
                raise ModelError(
                    f"{path}: {len(fitting)} constants may be the positions, one is needed: "
                    f"{_remedy(path)}"
                )
            _put(position, _channels_as(fitting[0], position), path)
        wanted = net(*inputs)
    got = model.run(*(x.numpy() for x in inputs))
    pairs = list(zip(got, wanted if isinstance(wanted, tuple) else (wanted,), strict=True))
    apart = max(float(np.abs(a - b.numpy()).max() / np.abs(a).max()) for a, b in pairs)
    if not apart <= TOLERANCE:
        raise ModelError(
            f"{path}: the network from it differs by {apart:.2g} of the largest output: "
            f"{_remedy(path)}"
        )


def _in_order(
    net: nn.Module, inputs: Sequence[Tensor]
) -> list[tuple[nn.Module, nn.BatchNorm2d | None]]:
    """Layers in the order in which they run, each with the batch normalisation after it."""
    ran: list[nn.Module] = []
    layers = [m for m in net.modules() if isinstance(m, (*_WEIGHTED, nn.BatchNorm2d))]
    hooks = [m.register_forward_hook(lambda m, _, __: ran.append(m)) for m in layers]
    with torch.no_grad():
        net(*inputs)
    for hook in hooks:
        hook.remove()
    after = [*ran[1:], None]
    norms = [m if isinstance(m, nn.BatchNorm2d) else None for m in after]
    return [(m, norm) for m, norm in zip(ran, norms, strict=True) if isinstance(m, _WEIGHTED)]


def _stored(path: Path) -> tuple[list[tuple[Floats, Floats]], list[Floats]]:
    """Weights and biases of the file's layers in order, and all arrays that are added."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (graph,) = model.subgraphs
    code = schema.BuiltinOperator
    layers, added = [], []
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        if kind in (code.FULLY_CONNECTED, code.CONV_2D, code.DEPTHWISE_CONV_2D):
            weight, bias = (_constant(model, graph, i) for i in operator.inputs[1:3])
            if weight is None or bias is None:
                raise ModelError(
                    f"{path}: a layer has no float weights or no bias: {_remedy(path)}"
                )
            layers.append((weight, bias))
        elif kind == code.ADD:
            constants = (_constant(model, graph, i) for i in operator.inputs)
            added += [c for c in constants if c is not None and c.size > 1]
    return layers, added


def _constant(model: Any, graph: Any, index: int) -> Floats | None:
    """A tensor's values; None where the file has none in float32."""
    if index < 0:  # left out
        return None
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) == 0 or tensor.type != 0:  # 0: float32
        return None
    return np.asarray(np.frombuffer(bytes(data), np.float32).reshape(tensor.shape), np.float32)


def _oriented(weight: Floats, layer: nn.Module) -> Floats:
    """Weights in PyTorch's order: of a convolution outputs, inputs, rows, columns."""
    if isinstance(layer, nn.Linear):
        return weight
    if layer.in_channels == 1:  # stored as a depthwise convolution: one, rows, columns, outputs
        return (
            weight.transpose(3, 0, 1, 2) if weight.shape[0] == 1 else weight.transpose(0, 3, 1, 2)
        )
    return weight.transpose(0, 3, 1, 2)


def _channels_as(constant: Floats, position: Tensor) -> Floats:
    """A constant of the file, channels last, in the order of the network's parameter."""
    if constant.shape == (1, *position.shape):
        return np.asarray(constant[0])
    return constant.transpose(0, 3, 1, 2) if constant.ndim == 4 else constant


def _put(parameter: Tensor, values: Floats, path: Path) -> None:
    if tuple(parameter.shape) != values.shape:
        raise ModelError(
            f"{path}: a layer of shape {values.shape} where its card has "
            f"{tuple(parameter.shape)}: {_remedy(path)}"
        )
    parameter.copy_(torch.from_numpy(values.copy()))


def _remedy(path: Path) -> str:
    return (
        "take card and float .tflite of one `posekernel-export quantize` "
        f"({path.stem}{INT8}.tflite cannot be trained on)"
    )
