"""The method's own grid, which the shipped one is compared with. Needs the `train` extra."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install 'posekernel[train]'"
)

from edge.core.errors import ModelError  # noqa: E402
from export.commands.train import CONFIG_NAMES  # noqa: E402
from export.train.batches import fusion_batch  # noqa: E402
from export.train.configuration import CONFIGS, config_from  # noqa: E402
from export.train.quantize import quantize  # noqa: E402
from export.train.ray_network import VisionConfig, VisionNet  # noqa: E402
from export.train.training import load_networks, train  # noqa: E402
from export.train.training_samples import SoundSet  # noqa: E402
from export.train.volume_network import VolumeConfig  # noqa: E402
from export.train.world_grid import WorldSpec, decode_world, world_target  # noqa: E402
from tests.export.train.tiny import TINY  # noqa: E402

pytestmark = [pytest.mark.export, pytest.mark.train]

SPEC = WorldSpec(side=12, bins=40, pairs=3)


def test_the_command_line_knows_every_configuration() -> None:
    assert set(CONFIG_NAMES) == set(CONFIGS)


def test_the_true_heatmaps_decode_to_the_truth_and_image_and_sound_lie_where_they_belong(
    dataset: Path,  # noqa: F811
) -> None:
    samples, vision = SoundSet([dataset / "train"]), VisionNet(VisionConfig(16, 1)).eval()
    batch = fusion_batch([samples.recorded(i) for i in range(4)], vision, SPEC)[0]
    truth = batch.joints @ batch.turn.transpose(1, 2)
    np.testing.assert_allclose(
        truth.numpy(), [samples.samples[i].joints for i in range(4)], atol=1e-5
    )
    heat = (world_target(SPEC, truth) + 1e-12).log()
    config = VolumeConfig(spec=SPEC)
    decoded = decode_world(
        SPEC, config.decoding, heat, torch.zeros(4, 77), batch.turn, batch.centre, batch.size
    )
    error = (decoded.joints - batch.joints).norm(dim=-1)
    assert error.max() < 0.5 * SPEC.steps_m.max()
    sound, image, _ = batch.inputs
    assert sound.shape == (4, 3, 40, 12, 12)
    for k in range(4):
        cells = SPEC.centres.reshape(-1, 3)
        peak = cells[image[k].reshape(-1, 15).argmax(dim=0).numpy()]
        rays = samples.samples[k].joints[:, :2] / samples.samples[k].joints[:, 2:]
        assert np.abs(peak[:, :2] / peak[:, 2:] - rays).max() < 0.25
        nearest = np.linalg.norm(cells - samples.samples[k].joints[8], axis=1).argmin()
        assert sound[k, 0].reshape(-1)[nearest] > sound[k, 0].median()


def test_it_trains_travels_in_a_checkpoint_and_does_not_ship(dataset: Path, tmp_path: Path) -> None:  # noqa: F811
    tiny = replace(
        TINY,
        form="volume",
        volume=VolumeConfig(spec=replace(SPEC, side=6, bins=12), audio=4, width=8, hidden=16),
    )
    assert config_from(tiny.as_dict()) == tiny
    run = train(tiny, dataset, tmp_path / "run", say=lambda line: None)
    assert isinstance(load_networks(run)[0].volume.spec, WorldSpec)
    with pytest.raises(ModelError, match="no device reads it"):
        quantize(run, dataset, tmp_path / "models")
