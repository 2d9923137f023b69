"""Models that ship, read back to train on from there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support import ROOT

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install 'posekernel[train]'"
)

from edge.core.errors import ModelError  # noqa: E402
from edge.lifting.network_lifter import NetworkLifter  # noqa: E402
from export.train.batches import fusion_batch  # noqa: E402
from export.train.checkpoints import load_networks  # noqa: E402
from export.train.conversion.shipped import load_shipped, refit_norms  # noqa: E402
from export.train.losses import predict  # noqa: E402
from export.train.ray_network import VisionNet  # noqa: E402
from export.train.samples.sound_set import SoundSet  # noqa: E402
from export.train.train_config import config_from  # noqa: E402
from export.train.training import train  # noqa: E402
from tests.export.train.tiny import FORMS, TINY  # noqa: E402

pytestmark = [pytest.mark.export, pytest.mark.train]


MODELS = ROOT / "edge/models"


@pytest.mark.parametrize("form", FORMS)
def test_finetuning_starts_from_a_shipped_model(dataset: Path, tmp_path: Path, form: str) -> None:
    shipped = MODELS / f"lifter_{form}.json"
    start = load_shipped(shipped)
    config = config_from(start["config"])
    fusion = config.make_network()
    fusion.load_state_dict(start["fusion"])
    samples = SoundSet([dataset / "train"])
    vision = VisionNet(config.vision).eval()
    batch, _ = fusion_batch([samples.recorded(k) for k in range(8)], vision, config.fusion.spec)
    with torch.no_grad():
        as_shipped = fusion.eval()(*batch.inputs)
        refit_norms(fusion, [batch.inputs])
        refitted, in_training = fusion(*batch.inputs), fusion.train()(*batch.inputs)
    for a, b, c in zip(as_shipped, refitted, in_training, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(
            a, c, rtol=1e-2, atol=1e-2
        )  # a batch is normalised by its own statistics: these


@pytest.mark.parametrize("form", FORMS)
def test_a_finetuned_model_begins_at_the_shipped_one(
    dataset: Path, tmp_path: Path, form: str
) -> None:
    shipped = MODELS / f"lifter_{form}.json"
    best = train(
        replace(TINY, steps=1, validate=1, rate=0.0),
        dataset,
        tmp_path,
        finetune=shipped,
        say=lambda line: None,
    )
    config, vision, fusion, _ = load_networks(best)
    sample = SoundSet([dataset / "val"]).recorded(0)
    batch, view = fusion_batch([sample], vision, config.fusion.spec)
    lifter = NetworkLifter(shipped.with_suffix(".tflite"))
    depth, place = lifter.see(view.one(0))
    np.testing.assert_allclose(batch.log_depth[0], depth, atol=1e-4)
    np.testing.assert_allclose(batch.xy[0], place, atol=1e-4)
    as_shipped = lifter.lift(view.one(0), sample.kernels, sample.rig).joints
    joints = predict(fusion, batch, config)[0].detach().numpy() @ view.turn[0].T
    # One step moves the statistics of the normalisation a little, the rate of nothing no weight.
    assert np.linalg.norm(joints - as_shipped, axis=1).max() < 0.02


def test_a_shipped_model_that_does_not_fit_its_card_is_named(tmp_path: Path) -> None:
    for name in ("lifter_ray.json", "lifter_ray_int8.tflite", "lifter_vision.tflite"):
        (tmp_path / name).write_bytes((MODELS / name).read_bytes())
    (tmp_path / "lifter_ray.tflite").write_bytes((MODELS / "lifter_volume.tflite").read_bytes())
    with pytest.raises(ModelError, match=r"lifter_ray\.tflite.*layers"):
        load_shipped(tmp_path / "lifter_ray.json")
