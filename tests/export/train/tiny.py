"""The smallest configuration that still trains both networks, and samples that nothing changes."""

from dataclasses import replace

from edge.lifting.forms.ray_form import RayForm
from edge.lifting.forms.volume_form import VolumeForm
from export.train.ray_network import RayConfig, VisionConfig
from export.train.samples.augmentation import Augmentation
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

# A sample with its recorded kernels and nothing else; what a test needs is replaced.
UNTOUCHED = Augmentation(
    silent=0,
    foreign=0,
    drowned=0,
    drop_pairs=0,
    wide=0,
    uneven=0,
    pair_gain_db=0,
    world_scale=0,
    sound_speed_error=0,
    detector=1.0,
    narrow=0,
    company=(0.0, 0.0, 0.0),
)

# Nothing that makes the samples of one process differ much from another's: the loss that is written
# is that of the first process's share.
ALONE = Augmentation(company=(0.0, 0.0, 0.0), sir_db=(0.0, 20.0), wide=0.0)

FORMS = ("ray", "volume")
