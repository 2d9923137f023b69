"""The numbers of a training run; checkpoints contain them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import nn

from edge.core.errors import ConfigError
from edge.lifting.forms.volume_form import VolumeForm
from export.train.ray_network import RayConfig, RayNet, VisionConfig, ray_config_from
from export.train.samples.augmentation import Augmentation
from export.train.volume_network import VolumeConfig, VolumeNet, volume_config_from


@dataclass(frozen=True)
class VisionTraining:
    """Training of the vision network. people: posed people from the body bank. errors: views whose
    errors of the detector model are drawn for the others. rate: highest learning rate. imagined:
    people for the fusion network's samples without sound.
    """

    people: int = 60000
    held_out: int = 800
    errors: int = 10000
    steps: int = 30000
    batch: int = 256
    rate: float = 1.5e-3
    imagined: int = 4000


@dataclass(frozen=True)
class TrainConfig:
    """A run. form: ray or volume. steps: of `batch` samples. validate: every so many steps, on at
    most `held_out` samples of unseen rooms. patience: validations without improvement before it
    stops. ema: factor of the weights' moving average, per step. rate: highest learning rate. ce,
    ce_width: weight of the cross-entropy over depth bins, and width of its target. nll, sound:
    weights of the likelihood of the errors and of the classification of sound; the loss in metres
    has weight 1.
    """

    form: str = "ray"
    seed: int = 1
    steps: int = 12000
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: int = 100
    ema: float = 0.998
    validate: int = 500
    held_out: int = 500
    patience: int = 12
    ce: float = 0.02
    ce_width: float = 0.02
    nll: float = 0.01
    sound: float = 0.05
    vision_training: VisionTraining = field(default_factory=VisionTraining)
    vision: VisionConfig = field(default_factory=VisionConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    volume: VolumeConfig = field(default_factory=VolumeConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def fusion(self) -> RayConfig | VolumeConfig:
        """The config of the fusion network."""
        return self.volume if self.form == "volume" else self.ray

    def make_network(self) -> nn.Module:
        """A new fusion network."""
        return VolumeNet(self.volume) if self.form == "volume" else RayNet(self.ray)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON and checkpoints."""
        return asdict(self)


_DEBUG = TrainConfig(
    steps=150,
    validate=75,
    held_out=60,
    vision_training=VisionTraining(
        people=300, held_out=60, errors=200, steps=150, batch=128, imagined=60
    ),
    vision=VisionConfig(width=64, blocks=1),
    ray=RayConfig(width=32, hidden=48, dilations=(1, 2, 4)),
    volume=VolumeConfig(spec=VolumeForm(side=8, bins=16, pairs=4), audio=4, width=12, hidden=48),
)
_SMALL = TrainConfig(steps=17000, ema=0.999, validate=500, patience=20)
# A step takes six times as long, so half as many samples.
_VOLUME = TrainConfig(form="volume", steps=4000, batch=32, validate=250, held_out=300)
CONFIGS = {
    "debug": _DEBUG,
    "debug-volume": replace(_DEBUG, form="volume", steps=60, validate=30, batch=32),
    "small": _SMALL,
    # From a network that is nearly right.
    "finetune": replace(_SMALL, steps=9000, rate=8e-4),
    "finetune-volume": replace(_VOLUME, steps=2500, rate=8e-4),
    "volume": _VOLUME,
    "full": TrainConfig(
        steps=60000,
        ema=0.9995,
        patience=30,
        vision_training=VisionTraining(errors=20000, steps=60000),
    ),
}


def named_config(name: str) -> TrainConfig:
    """One of CONFIGS. Raises ConfigError."""
    if name not in CONFIGS:
        raise ConfigError(
            f"training configuration {name!r} is unknown: one of {', '.join(CONFIGS)} is needed"
        )
    return CONFIGS[name]


def with_settings(config: TrainConfig, settings: Sequence[str]) -> TrainConfig:
    """The config with some numbers changed, as "ray.spec.compact_m=0". Raises ConfigError."""
    data = config.as_dict()
    for setting in settings:
        path, _, text = setting.partition("=")
        *sections, key = path.split(".")
        place: Any = data
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        if not isinstance(place, dict) or not isinstance(place.get(key), int | float):
            raise ConfigError(
                f"--set {setting}: {path!r} is no number of a training configuration; "
                "config.json of a run has them"
            )
        kind = type(place[key])
        try:
            place[key] = kind(text)
        except ValueError:
            raise ConfigError(
                f"--set {setting}: {text!r} was given, {path} needs a number like {place[key]}"
            ) from None
    return config_from(data)


def config_from(data: dict[str, Any]) -> TrainConfig:
    """The config of `TrainConfig.as_dict`."""
    d = dict(data)
    augmentation: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in d.pop("augmentation").items()
    }
    return TrainConfig(
        vision_training=VisionTraining(**d.pop("vision_training")),
        vision=VisionConfig(**d.pop("vision")),
        ray=ray_config_from(d.pop("ray")),
        volume=volume_config_from(d.pop("volume")),
        augmentation=Augmentation(**augmentation),
        **d,
    )
