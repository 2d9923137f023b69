"""The networks, their samples and conversion; skipped without the `train` extra."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support import ROOT

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install 'posekernel[train]'"
)

from edge.core.errors import ConfigError, ModelError  # noqa: E402
from edge.core.pose import N_JOINTS  # noqa: E402
from edge.lifting.forms import volume_form  # noqa: E402
from edge.lifting.forms.decoded_pose import RESIDUALS, Decoding  # noqa: E402
from edge.lifting.forms.network_form import CONTEXT  # noqa: E402
from edge.lifting.forms.ray_form import CHANNELS  # noqa: E402
from edge.lifting.mirror import MIRROR, mirrored, mirrored_rig  # noqa: E402
from edge.lifting.model_card import load_card  # noqa: E402
from edge.lifting.network_lifter import NetworkLifter  # noqa: E402
from edge.lifting.person_view import FEATURES, keypoint_view  # noqa: E402
from export.commands.networks.train import CONFIG_NAMES  # noqa: E402
from export.train.batches import fusion_batch, observed_view, vision_estimate  # noqa: E402
from export.train.checkpoints import load_networks  # noqa: E402
from export.train.conversion.shipped import load_shipped, refit_norms  # noqa: E402
from export.train.losses import predict  # noqa: E402
from export.train.ray_network import RayConfig, RayNet, VisionConfig, VisionNet  # noqa: E402
from export.train.samples.augmentation import Augmentation  # noqa: E402
from export.train.samples.sound_set import SoundSet  # noqa: E402
from export.train.train_config import CONFIGS, TrainConfig, config_from, named_config, with_settings  # noqa: E402
from export.train.training import train  # noqa: E402
from export.train.volume_network import VolumeConfig, VolumeNet  # noqa: E402
from tests.export.train.tiny import TINY  # noqa: E402
from tests.support.scenes.lifter import CAMERA, echoes, make_rig, seen, standing  # noqa: E402

pytestmark = [pytest.mark.export, pytest.mark.train]

FORMS = ("ray", "volume")
# The loss that is written is that of the first process's share: few samples, so not too different.
ALONE = Augmentation(company=(0.0, 0.0, 0.0), sir_db=(0.0, 20.0), wide=0.0)
MODELS = ROOT / "edge/models"


@pytest.fixture(scope="module", params=FORMS)
def trained(
    request: pytest.FixtureRequest, dataset: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return train(
        replace(TINY, form=request.param),
        dataset,
        tmp_path_factory.mktemp("run"),
        say=lambda line: None,
    )


def test_the_last_layers_start_from_the_image(dataset: Path) -> None:
    samples = SoundSet([dataset / "train"])
    vision = VisionNet(VisionConfig(16, 1)).eval()
    for form in FORMS:
        c = replace(TINY, form=form)
        net = c.make_network().eval()
        batch, views = fusion_batch([samples.recorded(i) for i in range(4)], vision, c.fusion.spec)
        if form == "ray":
            torch.nn.init.zeros_(net.logits.weight)
            torch.nn.init.zeros_(net.logits.bias)
        image = views.points(batch.log_depth.numpy(), batch.xy.numpy()) @ views.turn
        np.testing.assert_allclose(predict(net, batch, c).detach().numpy(), image, atol=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_is_what_the_device_computes(dataset: Path, form: str) -> None:
    """Training and device: same views, same sound, same context, to float rounding."""
    spec = replace(TINY, form=form).fusion.spec
    samples, vision = SoundSet([dataset / "train"]), VisionNet(VisionConfig(16, 1)).eval()
    batch, _ = fusion_batch([samples.recorded(i) for i in range(3)], vision, spec)
    for i in range(3):
        stored, sample = samples.samples[i], samples.recorded(i)
        view = keypoint_view(seen(stored.joints, CAMERA), sample.rig)
        assert view is not None
        depth, xy = (x[0] for x in vision_estimate(vision, observed_view([sample.observed])))
        for got, wanted in zip(
            batch.inputs, spec.inputs(view, depth, xy, sample.kernels, sample.rig), strict=True
        ):
            np.testing.assert_allclose(got[i].numpy(), wanted, atol=2e-3)


@pytest.mark.parametrize("form", FORMS)
def test_tensors_decode_as_on_the_device(dataset: Path, form: str) -> None:
    c = replace(TINY, form=form)
    samples = SoundSet([dataset / "train"])
    batch, views = fusion_batch(
        [samples.recorded(i) for i in range(4)],
        VisionNet(VisionConfig(16, 1)).eval(),
        c.fusion.spec,
    )
    torch.manual_seed(1)
    net = c.make_network().eval()
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.3)
    joints = predict(net, batch, c).detach().numpy()
    logits, residual = net(*batch.inputs)
    for i in range(4):
        device = c.fusion.spec.decode(
            (logits[i].detach(), residual[i].detach()),
            batch.log_depth[i],
            batch.xy[i],
            views.one(i),
            c.fusion.decoding,
        )
        np.testing.assert_allclose(joints[i] @ views.turn[i].T, device.joints, atol=1e-3)


def test_the_volume_network_does_not_depend_on_the_order_of_pairs() -> None:
    torch.manual_seed(0)
    net = VolumeNet(TINY.volume).eval()
    s = TINY.volume.spec
    sound = torch.randn(1, 3, s.bins, s.side, s.side, len(volume_form.CHANNELS))
    image = torch.rand(1, s.bins, s.side, s.side, N_JOINTS)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.2)
    one = net(sound, image, torch.zeros(1, CONTEXT))
    two = net(sound[:, [2, 0, 1]], image, torch.zeros(1, CONTEXT))
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b)


def test_a_mirrored_world_has_the_same_arrivals() -> None:
    rig, joints = make_rig(CAMERA), standing(2.4, CAMERA)
    np.testing.assert_allclose(
        mirrored_rig(rig).arrival_s(mirrored(joints)), rig.arrival_s(joints)[:, MIRROR], rtol=1e-12
    )
    down = -CAMERA.room_rotation[2]
    np.testing.assert_allclose(
        -mirrored_rig(rig).camera.room_rotation[2], down * (-1.0, 1.0, 1.0), atol=1e-12
    )


def test_sound_moves_the_joints_along_their_rays_only(dataset: Path) -> None:
    net = RayNet(TINY.ray).eval()
    sound = torch.randn(1, TINY.ray.spec.bins, N_JOINTS * len(CHANNELS))
    logits, residual = net(sound, torch.zeros(1, CONTEXT))
    assert logits.shape == (1, TINY.ray.spec.bins, N_JOINTS)
    assert residual.shape == (1, RESIDUALS)
    assert (residual == 0.0).all()  # starts from the image's estimate
    assert VisionNet(TINY.vision)(torch.zeros(1, FEATURES)).shape == (1, 3 * N_JOINTS)


def test_a_checkpoint_explains_itself(trained: Path) -> None:
    config, _, fusion, stored = load_networks(trained)
    assert config == replace(TINY, form=config.form)
    assert stored["samples"] == 8
    assert stored["score"] > 0.0
    assert not fusion.training
    assert config_from(json.loads(json.dumps(config.as_dict()))) == config


def test_an_interrupted_run_ends_as_an_unbroken_one(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    (tmp_path / "vision.pt").write_bytes((trained.parent / "vision.pt").read_bytes())
    tiny = load_networks(trained)[0]
    train(
        replace(tiny, patience=1), dataset, tmp_path, minutes=1e-9, say=lines.append
    )  # one step, then the time is over
    train(tiny, dataset, tmp_path, say=lines.append)
    assert "going on at step 1" in lines
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 6
    with pytest.raises(ConfigError, match="another network"):
        train(
            replace(tiny, ray=RayConfig(width=8), volume=VolumeConfig(width=8)),
            dataset,
            tmp_path,
            say=lines.append,
        )


def test_finetuning_starts_from_the_checkpoint(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    best = train(
        replace(TINY, steps=1, validate=1, rate=0.0),
        dataset,
        tmp_path,
        finetune=trained,
        say=lambda line: None,
    )
    _, _, before, _ = load_networks(trained)
    _, _, after, _ = load_networks(best)
    for a, b in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_finetuning_uses_the_given_vision_network(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    other = VisionNet(TINY.vision)
    torch.save(other.state_dict(), tmp_path / "other.pt")
    settings = replace(TINY, steps=1, validate=1, rate=0.0)
    best = train(
        settings,
        dataset,
        tmp_path / "run",
        finetune=trained,
        vision=tmp_path / "other.pt",
        say=lambda line: None,
    )
    _, vision, _, _ = load_networks(best)
    for a, b in zip(other.parameters(), vision.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    with pytest.raises(ConfigError, match="began with another vision network"):
        train(settings, dataset, tmp_path / "run", finetune=trained, say=lambda line: None)


def test_a_wrong_vision_network_is_named_and_leaves_the_run_alone(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    torch.save(VisionNet(VisionConfig(width=8, blocks=1)).state_dict(), tmp_path / "narrow.pt")
    (tmp_path / "damaged.pt").write_bytes(b"PK nothing")
    settings = replace(TINY, steps=1, validate=1)
    for name in ("narrow.pt", "damaged.pt", "absent.pt"):
        with pytest.raises(ModelError, match="vision network"):
            train(
                settings, dataset, tmp_path / "run", vision=tmp_path / name, say=lambda line: None
            )
    train(
        settings,
        dataset,
        tmp_path / "run",
        vision=trained.parent / "vision.pt",
        say=lambda line: None,
    )


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


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "best.pt"
    broken.write_bytes(b"no checkpoint")
    with pytest.raises(ModelError, match=r"best\.pt"):
        load_networks(broken)


def test_sigma_factors_bring_two_errors_in_three_within_one_sigma() -> None:
    from export.train.conversion.file_checks import WITHIN_SIGMA, with_sigma_factors

    rng = np.random.default_rng(0)
    seen = rng.random((400, 15)) < 0.8
    ratios = (
        np.abs(rng.normal(size=(3, 400, 15)))
        * np.array([0.5, 2.0, 1.5])[:, None, None]
        * np.where(seen, 1.0, 2.5)
    )
    d = with_sigma_factors(Decoding(), ratios, seen)
    assert (d.depth_sigma_factor, d.plane_sigma_factor, d.joint_sigma_factor) == pytest.approx(
        (0.5, 2.0, 1.5), rel=0.05
    )
    assert d.unseen_sigma_factor == pytest.approx(2.5, rel=0.1)
    for part in (seen, ~seen):
        sigma = d.joint_sigma_factor * np.where(seen, 1.0, d.unseen_sigma_factor)
        assert np.mean((ratios[2] < sigma)[part]) == pytest.approx(WITHIN_SIGMA, abs=0.001)
    few = with_sigma_factors(Decoding(), ratios, np.ones_like(seen))
    assert few.unseen_sigma_factor == 1.0


def test_both_tflite_files_do_what_the_checkpoint_does(
    dataset: Path, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip(
        "litert_torch", reason="litert-torch is not installed: pip install 'posekernel[train]'"
    )
    from export.train.conversion.quantize import quantize

    card = quantize(trained, dataset, tmp_path, "tiny", say=lambda line: None)
    figures = json.loads(card.read_text())["figures"]
    assert figures["float_against_pytorch"] < 1e-3
    assert load_card(card).form == load_networks(trained)[0].fusion.spec
    keypoints, rig = seen(standing(2.5, CAMERA), CAMERA), make_rig(CAMERA)
    poses = [
        NetworkLifter(tmp_path / name)([keypoints], echoes(standing(2.5, CAMERA), rig), rig)[0]
        for name in ("tiny.tflite", "tiny_int8.tflite")
    ]
    assert all(p is not None for p in poses)
    apart = np.linalg.norm(poses[0].joints - poses[1].joints, axis=1)
    assert np.median(apart) < 0.03
    (tmp_path / "tiny.tflite").write_bytes((tmp_path / "tiny_int8.tflite").read_bytes())
    with pytest.raises(ModelError, match="SHA256SUMS"):
        NetworkLifter(tmp_path / "tiny.tflite")


def test_numbers_of_a_configuration_can_be_set() -> None:
    config = with_settings(
        named_config("debug"), ["ray.spec.compact_m=0", "steps=7", "augmentation.silent=1"]
    )
    assert (config.ray.spec.compact_m, config.steps, config.augmentation.silent) == (0.0, 7, 1.0)
    assert with_settings(
        config, ["steps=150", "ray.spec.compact_m=0.4", "augmentation.silent=0.2"]
    ) == named_config("debug")
    for wrong, found in {
        "ray.spce.bins=3": "ray.spce.bins",
        "form=ray": "form",
        "steps=1.5": "1.5",
        "steps": "''",
    }.items():
        with pytest.raises(ConfigError, match=found):
            with_settings(config, [wrong])


def test_the_named_configurations_survive_json() -> None:
    for config in CONFIGS.values():
        assert config_from(json.loads(json.dumps(config.as_dict()))) == config
    assert isinstance(CONFIGS["small"], TrainConfig)


def test_two_processes_learn_as_one(dataset: Path, trained: Path, tmp_path: Path) -> None:
    """torchrun with gloo: both take half of every batch; the curve is that of one process but for
    the normalisation's noise.
    """
    curves = []
    for processes in (1, 2):
        run = tmp_path / str(processes)
        run.mkdir()
        (run / "vision.pt").write_bytes((trained.parent / "vision.pt").read_bytes())
        script = run / "train.py"
        script.write_text(
            "from dataclasses import replace\nfrom pathlib import Path\nfrom "
            "export.train.training import train\n"
            "from tests.export.train.test_training import ALONE, TINY\n"
            "tiny = replace(TINY, batch=64, steps=8, validate=4, augmentation=ALONE)\n"
            f"train(tiny, Path({str(dataset)!r}), Path({str(run)!r}))\n"
        )
        launch = (
            []
            if processes == 1
            else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, *launch, str(script)],
            check=True,
            env=environment,
            capture_output=True,
            timeout=900,
        )
        curves.append([json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()])
    one, two = curves
    assert [row["step"] for row in one] == [row["step"] for row in two] == [4, 8]
    for a, b in zip(one, two, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=0.2)
        assert a["mean"] == pytest.approx(b["mean"], rel=0.2)


def test_the_command_line_knows_every_configuration() -> None:
    assert set(CONFIG_NAMES) == set(CONFIGS)
