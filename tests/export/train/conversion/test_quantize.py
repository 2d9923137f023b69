"""Checkpoints as .tflite files: they do the same, and say how sure they are."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'posekernel[train]'")

from edge.core.errors import ModelError
from edge.lifting.forms.decoded_pose import Decoding
from edge.lifting.model_card import load_card
from edge.lifting.network_lifter import NetworkLifter
from export.train.checkpoints import load_networks
from tests.support.scenes.lifter import CAMERA, echoes, make_rig, seen, standing

pytestmark = [pytest.mark.export, pytest.mark.train]


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
