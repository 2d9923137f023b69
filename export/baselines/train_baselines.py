"""Trains the learned baselines and measures people's proportions for the others; the result ships
as data/baselines.npz.

The image networks are trained on random people before random cameras, the sound network on a
dataset folder. At inference they run in numpy (`mlp`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray
from edge.core.errors import SessionError
from edge.core.pose import BONES, MID_HIP, N_JOINTS, Keypoints
from edge.core.rig import Camera, Rig
from edge.sources.session.dataset import Environment, Sample, require_environments
from export.baselines.image_network import OUTPUTS, view_from
from export.baselines.sound_baselines import (
    ACROSS,
    DOWN,
    RANGES_M,
    AudioOnly,
    FirstArrival,
    sample_kernels,
    sound_features,
)
from export.baselines.trainable import SIGMA_COVERAGE, TrainableMlp, pinball, require_torch
from export.baselines.vision_baselines import (
    AssumedHeight,
    DepthRegression,
    FloorContact,
    TrueHeight,
    VisionOnly,
)
from export.evaluate.evaluation import Predictor
from export.evaluate.metrics import joint_errors
from export.simulate.people import (
    People,
    ViewedPeople,
    apply_errors,
    detected,
    detector_errors,
    sample_people,
    view_people,
)

Say = Callable[[str], None]

HELD_OUT = 10  # one room in this many is for validation
LEAST_SAMPLES = 50
WITHIN_VIEW = 0.4  # least depth of a joint over the mid-hip's distance
REFILL = 16  # batches drawn at once
CAMERA = Camera(2000, 1500, 1000.0, 1000.0, 1000.0, 750.0)


@dataclass(frozen=True)
class BaselineTraining:
    """Sizes and seeds. people: drawn from the body bank. detected: views of them with the detector
    model's errors. vision_steps, sound_steps: of the image networks and of the sound network.
    """

    seed: int = 1
    people: int = 12000
    detected: int = 10000
    vision_steps: int = 8000
    vision_width: int = 320
    root_width: int = 128
    sound_steps: int = 3000
    sound_width: int = 96
    batch: int = 512
    scenes_for_calibration: int = 400


def train_baselines(
    dataset: Path, out: Path, config: BaselineTraining, say: Say = print
) -> dict[str, float]:
    """Train everything and write `out` (.npz); returns the factors on the 1-sigma by baseline.

    Raises ConfigError where PyTorch is absent or the dataset has none, SessionError where it has
    too few usable samples.
    """
    require_torch()
    sounds = _load_sounds(dataset, say)
    say(f"drawing {config.people} people")
    people = sample_people(config.people, config.seed, "train")
    weights: dict[str, npt.NDArray[Any]] = _population(people, config.seed)
    weights |= _train_vision(people, config, say)
    weights |= _train_sound(sounds, config, say)
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
    """Factor on a predictor's 1-sigma with which SIGMA_COVERAGE of the joints' errors are within
    it.
    """
    ratios = []
    for sample, environment in samples:
        pose = predictor(sample, environment)
        if pose is not None:
            ratios.append(joint_errors(pose.joints, sample.joints[:N_JOINTS]) / pose.sigma)
    return float(np.nanquantile(np.concatenate(ratios), SIGMA_COVERAGE))


@dataclass(frozen=True, eq=False)
class Sounds:
    """Data of the sound network. features (N, F), roots (N, 3) [m], is_held_out (N,). held_out:
    those samples.
    """

    features: FloatArray
    roots: Array
    is_held_out: npt.NDArray[np.bool_]
    held_out: list[tuple[Sample, Environment]]


def _load_sounds(dataset: Path, say: Say) -> Sounds:
    features, roots, held, samples = [], [], [], []
    environments = require_environments(dataset)
    for k, environment in enumerate(environments):
        for i, sample in enumerate(environment):
            if np.isnan(sample.joints[MID_HIP]).any():
                continue
            # Of a single room, hold out samples instead.
            held.append((k if len(environments) > 1 else i) % HELD_OUT == 0)
            features.append(sound_features(sample_kernels(sample, environment), environment.rig))
            roots.append(sample.joints[MID_HIP])
            if held[-1]:
                samples.append((sample, environment))
    skipped = sum(len(e.skipped) for e in environments)
    say(
        f"{dataset}: {len(features)} samples of {len(environments)} environments, {skipped} damaged"
    )
    if len(features) < LEAST_SAMPLES:
        raise SessionError(
            f"{dataset}: {len(features)} usable samples, at least {LEAST_SAMPLES} are needed to "
            "train on: "
            "make more with `posekernel-export simulate`"
        )
    return Sounds(np.array(features), np.array(roots), np.array(held), samples)


def _population(people: People, seed: int) -> dict[str, npt.NDArray[Any]]:
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


def _train_vision(
    people: People, config: BaselineTraining, say: Say
) -> dict[str, npt.NDArray[Any]]:
    """The lifting network "lift" and RootNet's "root"."""
    torch = require_torch()
    rng = np.random.default_rng([config.seed, 3])
    say(f"detecting the joints of {config.detected} people")
    errors = detector_errors(view_people(people, config.detected, rng), rng)
    inputs, _, _, _ = _vision_batch(
        apply_errors(view_people(people, config.detected, rng), errors, rng)
    )
    w, r = config.vision_width, config.root_width
    lift = TrainableMlp(inputs, (w, w, w, w, OUTPUTS), config.seed)
    root = TrainableMlp(inputs, (r, r, r, 2), config.seed + 1)
    optimiser = torch.optim.AdamW([*lift.parameters, *root.parameters], lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 2e-3, total_steps=config.vision_steps, pct_start=0.05
    )
    running = np.zeros(3)
    for step in range(config.vision_steps):
        if step % REFILL == 0:
            # Half of them with the detector model's errors, half with noise of any size.
            half = REFILL * config.batch // 2
            scenes = view_people(people, half, rng) + apply_errors(
                view_people(people, half, rng), errors, rng
            )
            pool = [torch.from_numpy(a) for a in _vision_batch(scenes)]
        at = torch.from_numpy(rng.integers(len(pool[0]), size=config.batch))
        x, xy, depth, shape = (p[at] for p in pool)
        out, gamma = lift(x), root(x)
        relative = out[:, 1 : 1 + 3 * N_JOINTS].reshape(-1, N_JOINTS, 3)
        z = relative[..., :1].exp()
        placed = torch.cat([(xy[..., :2] + relative[..., 1:]) * xy[..., 2:] * z, z], dim=-1)
        off = (placed - shape).abs().sum(dim=-1)
        depth_off, gamma_off = (out[:, 0] - depth).abs(), (gamma[:, 0] - depth).abs()
        around = (
            placed - placed[:, MID_HIP : MID_HIP + 1] - (shape - shape[:, MID_HIP : MID_HIP + 1])
        )
        loss = off.mean() + depth_off.mean() + gamma_off.mean()
        loss = (
            loss
            + 0.1 * pinball(depth_off, out[:, 1 + 3 * N_JOINTS])
            + 0.1 * pinball(gamma_off, gamma[:, 1])
        )
        loss = loss + 0.1 * pinball(around.norm(dim=-1), out[:, 2 + 3 * N_JOINTS :])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*lift.parameters, *root.parameters], 1.0)
        optimiser.step()
        schedule.step()
        now = np.array([off.mean().item(), depth_off.mean().item(), gamma_off.mean().item()])
        running = now if step == 0 else 0.99 * running + 0.01 * now
        if (step + 1) % 1000 == 0:
            say(
                f"image, step {step + 1}: shape {running[0]:.4f}, log depth {running[1]:.4f}, "
                f"from the box {running[2]:.4f}"
            )
    return lift.arrays("lift") | root.arrays("root")


def _vision_batch(scenes: ViewedPeople) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Inputs (N, F), 2D joints with the box's size (N, 15, 3), log depth over RootNet's (N,), shape
    at depth 1 (N, 15, 3).
    """
    view = view_from(scenes.rays, scenes.seen)
    turned = scenes.joints[:, :N_JOINTS] @ view.turn
    # Leave out people beside the middle of a box that an outlier has stretched.
    before = turned[..., 2].min(axis=1) > WITHIN_VIEW * np.linalg.norm(turned[:, MID_HIP], axis=1)
    view, turned = view.pick(before), turned[before]
    depth = turned[:, MID_HIP, 2]
    size = np.broadcast_to(view.size[:, None, None], (len(depth), N_JOINTS, 1))
    xy = np.concatenate([view.xy[:, :N_JOINTS], size], axis=-1)
    parts = (view.features, xy, np.log(depth) - view.root_net_depth, turned / depth[:, None, None])
    a, b, c, d = (np.ascontiguousarray(p, np.float32) for p in parts)
    return a, b, c, d


def _train_sound(sounds: Sounds, config: BaselineTraining, say: Say) -> dict[str, npt.NDArray[Any]]:
    """The network "sound": direction x/z, y/z and log distance of the mid-hip, log of its 1-sigma;
    the step that was best in the held-out rooms.
    """
    torch = require_torch()
    learn = ~sounds.is_held_out
    x, roots = (
        torch.from_numpy(np.asarray(a, np.float32)) for a in (sounds.features, sounds.roots)
    )
    net = TrainableMlp(
        sounds.features[learn], (config.sound_width, config.sound_width, 4), config.seed + 2
    )
    net.start_at(
        [0.0, 0.1, float(np.log(np.linalg.norm(sounds.roots[learn], axis=1)).mean()), -0.5]
    )
    optimiser = torch.optim.AdamW(net.parameters, lr=1e-3, weight_decay=0.05)
    generator = torch.Generator().manual_seed(config.seed)
    members = torch.from_numpy(np.flatnonzero(learn))
    best, kept = float("inf"), net.arrays("sound")
    for step in range(config.sound_steps):
        pick = members[torch.randint(len(members), (config.batch // 4,), generator=generator)]
        batch, target = x[pick], roots[pick].clone()
        flip = torch.rand(len(pick), generator=generator) < 0.5
        batch, target = (
            _mirror_sound(batch, flip),
            target * torch.where(flip[:, None], torch.tensor([-1.0, 1.0, 1.0]), 1.0),
        )
        batch = batch + 0.3 * torch.randn(batch.shape, generator=generator)
        batch = torch.where(torch.rand(batch.shape, generator=generator) < 0.1, 0.0, batch)
        loss = _sound_loss(net(batch), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 50 == 0:
            with torch.no_grad():
                off = (_placed_root(net(x[~learn])) - roots[~learn]).norm(dim=-1).median().item()
            if off < best:
                best, kept = off, net.arrays("sound")
    say(
        f"sound: median error of the mid-hip in the {int((~learn).sum())} held-out samples "
        f"{100 * best:.1f} cm"
    )
    return kept


def _sound_loss(out: Any, target: Any) -> Any:
    off = (_placed_root(out) - target).norm(dim=-1)
    return off.mean() + 0.2 * pinball(off, out[:, 3])


def _placed_root(out: Any) -> Any:
    torch = require_torch()
    direction = torch.cat([out[:, :2], torch.ones_like(out[:, :1])], dim=1)
    return torch.nn.functional.normalize(direction, dim=1) * out[:, 2:3].clamp(-1.2, 2.5).exp()


def _mirror_sound(features: Any, flip: Any) -> Any:
    """Features of the mirrored room: horizontal directions reversed."""
    torch = require_torch()
    shape = (-1, 2, len(DOWN), len(ACROSS), len(RANGES_M))
    mirrored = features.reshape(shape).flip(3).reshape(features.shape)
    return torch.where(flip[:, None], mirrored, features)


def _scene_samples(people: People, config: BaselineTraining) -> list[tuple[Sample, Environment]]:
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
        keypoints = Keypoints(pixels, np.full((25, 3), np.nan), 1, 1.0)
        sample = Sample(
            str(k),
            np.zeros((1, 16), np.float32),
            s.joints[k],
            keypoints,
            {"height_m": float(s.height_m[k])},
        )
        out.append((sample, Environment(Path("scenes"), rig, 16000.0, (2000.0, 7500.0), [])))
    return out


def _save(path: Path, weights: dict[str, npt.NDArray[Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **weights)
    except OSError as e:
        raise SessionError(f"{path}: the weights cannot be written ({e.strerror})") from e
