"""Networks, their batches and their decoding are those of the device."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: pip install 'posekernel[train]'"
)

from edge.core.pose import N_JOINTS  # noqa: E402
from edge.lifting.forms import volume_form  # noqa: E402
from edge.lifting.forms.decoded_pose import RESIDUALS  # noqa: E402
from edge.lifting.forms.network_form import CONTEXT  # noqa: E402
from edge.lifting.forms.ray_form import CHANNELS  # noqa: E402
from edge.lifting.person_view import FEATURES, keypoint_view  # noqa: E402
from export.train.batches import fusion_batch, observed_view, vision_estimate  # noqa: E402
from export.train.losses import predict  # noqa: E402
from export.train.ray_network import RayNet, VisionConfig, VisionNet  # noqa: E402
from export.train.samples.sound_set import SoundSet  # noqa: E402
from export.train.volume_network import VolumeNet  # noqa: E402
from tests.export.train.tiny import FORMS, TINY  # noqa: E402
from tests.support.scenes.lifter import CAMERA, seen  # noqa: E402

pytestmark = [pytest.mark.export, pytest.mark.train]


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


def test_sound_moves_the_joints_along_their_rays_only(dataset: Path) -> None:
    net = RayNet(TINY.ray).eval()
    sound = torch.randn(1, TINY.ray.spec.bins, N_JOINTS * len(CHANNELS))
    logits, residual = net(sound, torch.zeros(1, CONTEXT))
    assert logits.shape == (1, TINY.ray.spec.bins, N_JOINTS)
    assert residual.shape == (1, RESIDUALS)
    assert (residual == 0.0).all()  # starts from the image's estimate
    assert VisionNet(TINY.vision)(torch.zeros(1, FEATURES)).shape == (1, 3 * N_JOINTS)
