"""The smallest training of the baselines; its output runs without PyTorch."""

from pathlib import Path

import numpy as np
import pytest

from edge.core.errors import SessionError
from edge.core.pose import LiftedPose
from edge.sources.session.dataset import Environment, Sample
from export.baselines.mlp import mlp_from
from export.baselines.predictors import PREDICTORS
from export.baselines.train_baselines import sigma_factor, train_baselines
from export.baselines.trainable import SIGMA_COVERAGE, BaselineTraining, TrainableMlp, pinball
from tests.support.bodies import compact_rig, seen, standing
from tests.support.datasets import make_dataset

pytestmark = pytest.mark.export

SMALLEST = BaselineTraining(
    people=24,
    detected=64,
    vision_steps=4,
    vision_width=8,
    root_width=8,
    sound_steps=50,
    sound_width=8,
    batch=32,
)


@pytest.mark.train
def test_training_writes_weights_that_every_baseline_runs_with(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    said: list[str] = []
    make_dataset(tmp_path / "data", samples=5, rooms=10)
    config = BaselineTraining(**(vars(SMALLEST) | {"scenes_for_calibration": 12}))
    factors = train_baselines(tmp_path / "data", tmp_path / "w.npz", config, said.append)
    assert set(factors) == set(PREDICTORS) - {"geometric"}
    assert all(f > 0 and np.isfinite(f) for f in factors.values())
    assert "50 samples of 10 environments, 0 damaged" in said[0]
    sample = Sample(
        "0",
        np.random.default_rng(0).normal(size=(6, 640)).astype(np.float32),
        standing()[None],
        (seen(standing()),),
        {},
    )
    environment = Environment(Path("room"), compact_rig(), 16000.0, (2000.0, 7500.0), [])
    for make in PREDICTORS.values():
        (pose,) = make(tmp_path / "w.npz")(sample, environment)
        assert pose is not None
        assert np.isfinite(pose.joints).all()


@pytest.mark.train
def test_too_little_to_train_on_is_reported_before_the_work_begins(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(SessionError, match="4 usable samples, at least 50"):
        train_baselines(
            make_dataset(tmp_path, samples=2), tmp_path / "w.npz", SMALLEST, lambda text: None
        )


@pytest.mark.train
def test_numpy_and_pytorch_agree() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.random.default_rng(0).normal(1.0, 3.0, (20, 6)).astype(np.float32)
    net = TrainableMlp(x, (16, 16, 16, 3), seed=0)
    net.start_at([1.0, -2.0, 0.5])
    there = net(torch.from_numpy(x)).detach().numpy()
    here = mlp_from({k: v.astype(np.float32) for k, v in net.arrays("n").items()}, "n")(x)
    np.testing.assert_allclose(here, there, atol=2e-3)
    assert np.abs(there - [1.0, -2.0, 0.5]).max() > 0.01


@pytest.mark.train
def test_pinball_is_least_where_sigma_holds_its_share() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    error = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    loss = {s: float(pinball(error, torch.log(torch.tensor(s)))) for s in np.linspace(0.5, 0.9, 41)}
    assert min(loss, key=lambda s: loss[s]) == pytest.approx(SIGMA_COVERAGE, abs=0.02)


def test_the_factor_makes_sigma_hold_its_share() -> None:
    rng = np.random.default_rng(0)
    environment = Environment(Path("room"), compact_rig(), 16000.0, (2000.0, 7500.0), [])

    def lift(sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        shift = np.zeros((15, 3))
        shift[:, 0] = rng.uniform(0.0, 0.4, 15)
        joints = sample.joints[0, :15] + shift
        return [LiftedPose(joints, np.full(15, 0.1), np.ones(15), "height", 0.0)]

    samples = [
        (
            Sample("0", np.zeros((6, 16), np.float32), standing()[None], (seen(standing()),), {}),
            environment,
        )
    ] * 300
    assert sigma_factor(lift, samples) == pytest.approx(4 * SIGMA_COVERAGE, rel=0.03)
