"""Trains the learned baselines and measures people's proportions for the others; the result ships
as data/baselines.npz.

The image networks are trained on random people before random cameras, the sound network on a
dataset folder. At inference they run in numpy (`mlp`).
"""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.errors import SessionError
from edge.core.files import write_whole
from edge.core.pose import BONES, MID_HIP, N_JOINTS, Keypoints
from edge.core.rig import Camera, Rig
from edge.sources.session.dataset import Environment, Sample
from export.baselines.image_training import train_image_networks
from export.baselines.sound_baselines import AudioOnly, FirstArrival
from export.baselines.sound_training import load_sounds, train_sound_network
from export.baselines.trainable import SIGMA_COVERAGE, BaselineTraining, require_torch
from export.baselines.vision_baselines import (
    AssumedHeight,
    DepthRegression,
    FloorContact,
    TrueHeight,
    VisionOnly,
)
from export.evaluate.evaluation import Predictor
from export.evaluate.metrics import joint_errors
from export.simulate.people import SampledPeople, detected, sample_people, view_people

Say = Callable[[str], None]

CAMERA = Camera(2000, 1500, 1000.0, 1000.0, 1000.0, 750.0)


def train_baselines(
    dataset: Path, out: Path, config: BaselineTraining, say: Say = print
) -> dict[str, float]:
    """Train everything and write `out` (.npz); returns the factors on the 1-sigma by baseline.

    Raises ConfigError where PyTorch is absent or the dataset has none, SessionError where it has
    too few usable samples.
    """
    require_torch()
    sounds = load_sounds(dataset, say)
    say(f"drawing {config.people} people")
    people = sample_people(config.people, config.seed, "train")
    weights: dict[str, npt.NDArray[Any]] = _population(people, config.seed)
    weights |= train_image_networks(people, config, say)
    weights |= train_sound_network(sounds, config, say)
    factors: dict[str, float] = {}
    _save(out, weights)
    scenes = _scene_samples(
        sample_people(config.scenes_for_calibration, config.seed + 1, "val"), config
    )
    for image in (VisionOnly, DepthRegression, AssumedHeight, TrueHeight, FloorContact):
        factors[image.name] = sigma_factor(image(out), scenes)
    for sound in (AudioOnly, FirstArrival):
        factors[sound.name] = sigma_factor(sound(out), sounds.held_out)
    weights |= {
        f"calibration/{name}": np.array(factor, np.float32) for name, factor in factors.items()
    }
    _save(out, weights)
    return factors


def sigma_factor(predictor: Predictor, samples: Iterable[tuple[Sample, Environment]]) -> float:
    """Factor on a 1-sigma that puts SIGMA_COVERAGE of the joints' errors within it."""
    ratios = []
    for sample, environment in samples:
        for pose, joints in zip(predictor(sample, environment), sample.joints, strict=True):
            if pose is not None:
                ratios.append(joint_errors(pose.joints, joints[:N_JOINTS]) / pose.sigma)
    return float(np.nanquantile(np.concatenate(ratios), SIGMA_COVERAGE))


def _population(people: SampledPeople, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Proportions by height, and the mean pose before a camera."""
    h, j = people.height_m, people.joints
    mean = float(h.mean())
    a, b = np.array(BONES).T
    share = np.linalg.norm(j[:, a] - j[:, b], axis=-1) / h[:, None]
    design = np.stack([np.ones_like(h), h - mean], axis=1)
    fit = np.linalg.lstsq(design, share, rcond=None)[0]
    spread = np.std(np.log(share / (design @ fit)), axis=0)
    ankle = np.quantile((j[:, (11, 14), 2].min(axis=1) / h), 0.3)
    scenes = view_people(people, len(j), np.random.default_rng([seed, 2]))
    relative = scenes.joints[:, :N_JOINTS] - scenes.joints[:, MID_HIP : MID_HIP + 1]
    pose = relative.mean(axis=0)
    off = np.quantile(np.linalg.norm(relative - pose, axis=-1), SIGMA_COVERAGE, axis=0)
    return {
        "population/scalars": np.array([mean, np.std(np.log(h)), ankle], np.float32),
        "population/bones": np.stack([*fit, np.maximum(spread, 0.01)]).astype(np.float32),
        "population/mean_pose": pose.astype(np.float32),
        "population/pose_sigma": off.astype(np.float32),
    }


def _scene_samples(
    people: SampledPeople, config: BaselineTraining
) -> list[tuple[Sample, Environment]]:
    """Held-out people as dataset samples without sound, for the 1-sigma factors."""
    rng = np.random.default_rng([config.seed, 4])
    s = detected(view_people(people, config.scenes_for_calibration, rng), rng)
    out = []
    for k in range(len(s.joints)):
        camera = Camera(
            **{key: getattr(CAMERA, key) for key in ("width", "height", "fx", "fy", "cx", "cy")},
            height_m=float(s.camera_height_m[k]),
            tilt_deg=float(s.tilt_deg[k]),
            roll_deg=float(s.roll_deg[k]),
        )
        pixels = np.zeros((25, 3))
        pixels[:, :2] = np.nan_to_num(s.rays[k, :, :2]) * CAMERA.fx + [CAMERA.cx, CAMERA.cy]
        pixels[:, 2] = s.seen[k]
        rig = Rig(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 2), np.int64), camera, 343.0)
        sample = Sample(
            str(k),
            np.zeros((1, 16), np.float32),
            s.joints[k : k + 1],
            (Keypoints(pixels, 1.0),),
            {"height_m": float(s.height_m[k])},
        )
        out.append((sample, Environment(Path("scenes"), rig, 16000.0, (2000.0, 7500.0), [])))
    return out


def _save(path: Path, weights: dict[str, npt.NDArray[Any]]) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **weights)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, file.getvalue())
    except OSError as e:
        raise SessionError(f"{path}: the weights cannot be written ({e.strerror})") from e
