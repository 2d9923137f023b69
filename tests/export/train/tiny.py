"""The smallest configuration that still trains both networks."""

from dataclasses import replace

from edge.lifting.forms.ray_form import RayForm
from edge.lifting.forms.volume_form import VolumeForm
from export.train.ray_network import RayConfig, VisionConfig
from export.train.train_config import CONFIGS, VisionTraining
from export.train.volume_network import VolumeConfig

TINY = replace(
    CONFIGS["debug"],
    steps=6,
    validate=3,
    batch=4,
    held_out=6,
    warm_up=2,
    vision_training=VisionTraining(people=24, held_out=8, errors=20, steps=6, batch=8, imagined=8),
    vision=VisionConfig(width=16, blocks=1),
    ray=RayConfig(spec=RayForm(bins=32), width=16, hidden=16, dilations=(1, 2)),
    volume=VolumeConfig(spec=VolumeForm(side=6, bins=12, pairs=3), audio=4, width=8, hidden=16),
)
