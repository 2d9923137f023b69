"""Small datasets in the folder format."""

from pathlib import Path

import numpy as np

from edge.sources.session.dataset import Sample, write_environment, write_sample
from tests.support.bodies import compact_rig, seen, standing
from tests.support.scenes import lifter
from tests.support.scenes.lifter import BAND, CAMERA, RATE


def make_dataset(root: Path, samples: int = 6, rooms: int = 2) -> Path:
    """People every 40 cm from 1.8 m on; the response holds noise only."""
    for room in range(rooms):
        env = root / f"environment{room + 1}"
        write_environment(env, compact_rig(), RATE, BAND)
        for k in range(samples):
            joints = standing(1.7, (0.0, 1.8 + 0.4 * k))
            rir = np.random.default_rng(k).normal(size=(6, 640)).astype(np.float32)
            info = {
                "pose": "stand" if k % 2 else "reach",
                "room": f"room {room}",
                "sir_db": 4.0 * k - 3.0,
                "height_m": 1.7,
            }
            write_sample(env, Sample(str(k), rir, joints[None], (seen(joints),), info))
    return root


def make_crowds(root: Path, people: tuple[int, ...] = (1, 2, 3, 4)) -> Path:
    """A room with one moment of each number of people, 60 cm apart; the response holds noise."""
    env = root / "environment1"
    write_environment(env, compact_rig(), RATE, BAND)
    for k, count in enumerate(people):
        joints = np.stack([standing(1.6 + 0.1 * i, (0.6 * i - 0.6, 2.8)) for i in range(count)])
        rir = np.random.default_rng(k).normal(size=(6, 640)).astype(np.float32)
        own = [{"standing": "beside" if i < 2 else "apart", "sir_db": i} for i in range(count)]
        info = {"room": "crowded", "people": count, "persons": own}
        write_sample(env, Sample(str(k), rir, joints, tuple(map(seen, joints)), info))
    return root


def make_public(root: Path, joints: int = 49, scale: float = 1.0) -> Path:
    """One sample in the public layout, gnd.npy with so many joints, all coordinates times scale."""
    env = root / "environment2"
    (env / "0").mkdir(parents=True)
    sensors = np.array([[-1, 0.2, 0], [1, 0.2, 0], [-1, -0.8, 0.1], [1, -0.8, 0.1]])
    np.save(env / "audio_sensor_loc.npy", sensors * scale)
    gnd = np.zeros((joints, 3))
    gnd[:25] = np.nan_to_num(standing())
    np.save(env / "0" / "gnd.npy", gnd * scale)
    np.save(env / "0" / "rir.npy", np.random.default_rng(0).normal(size=(4, 4800)))
    return env


def make_points(path: Path) -> Path:
    """Point-like people before a ring of six microphones, with noise, in the dataset format."""
    rng = np.random.default_rng(3)
    for split, count in (("train", 8), ("val", 6)):
        rig = lifter.make_rig(CAMERA)
        environment = path / split / "environment1"
        write_environment(environment, rig, RATE, BAND)
        for k in range(count):
            joints = np.full((25, 3), np.nan)
            joints[:15] = lifter.standing(rng.uniform(1.8, 3.8), CAMERA, rng.uniform(-0.3, 0.3))
            clean = lifter.echoes(joints[:15], rig).analytic.real.astype(np.float32)
            noisy = clean + 0.1 * clean.std() * rng.normal(size=clean.shape).astype(np.float32)
            write_sample(
                environment,
                Sample(
                    str(k),
                    noisy,
                    joints[None],
                    (lifter.seen(joints[:15], CAMERA),),
                    {"sir_db": 20.0},
                    clean,
                ),
            )
    return path
