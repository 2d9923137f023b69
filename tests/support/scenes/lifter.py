"""What the lifter tests share at 16 kHz: people before an array, and the echoes of their bodies."""

import numpy as np
import numpy.typing as npt

from edge.core.pose import Keypoints
from edge.core.rig import Camera, Rig
from edge.lifting.person_view import ANKLE_M, PersonView
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from tests.support.bodies import compact_rig

RATE, BAND, WINDOW = 16000.0, (2000.0, 7500.0), 640
CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.4, tilt_deg=9.0, roll_deg=3.0)


def echo(
    joints: npt.NDArray[np.float64], noise: float = 0.0, wall_gain: float = 0.0, seed: int = 0
) -> Kernels:
    """Echoes of glints on the body's front, 16 cm and less before the joints, spread over its
    depth; plus a later wall path.
    """
    rng = np.random.default_rng(seed)
    rig = compact_rig()
    joints = joints[np.isfinite(joints[:, 0])]
    points, gains = [], []
    for _ in range(400):
        a, b = joints[rng.integers(len(joints), size=2)]
        p = a + rng.uniform() * (b - a)
        back = rng.uniform(0.0, 0.16)
        points.append(p * (1.0 - back / np.linalg.norm(p)))
        gains.append(0.02 * rng.normal())
    f = np.fft.rfftfreq(WINDOW, 1.0 / RATE)
    tau, extra = rig.arrival_s(np.array(points)), 1.2 * 2 / 343.4
    spectrum = np.zeros((6, len(f)), complex)
    for gain, delay in ((1.0, 0.0), (wall_gain, extra)):
        spectrum += gain * np.einsum(
            "k,pkf->pf", np.array(gains), np.exp(-2j * np.pi * f * (tau + delay)[..., None])
        )
    rir = np.fft.irfft(spectrum, WINDOW) + noise * rng.normal(size=(6, WINDOW))
    return make_kernels(analytic_signal(rir, RATE, BAND), RATE, BAND)


def hiss(seed: int) -> Kernels:
    """No echo, only noise."""
    return make_kernels(
        analytic_signal(np.random.default_rng(seed).normal(size=(6, WINDOW)), RATE, BAND),
        RATE,
        BAND,
    )


def standing(distance_m: float, camera: Camera, across_m: float = 0.2) -> np.ndarray:
    """Joints (15, 3), camera frame, of somebody 1.7 m tall who faces the camera."""
    room = np.array([
        [0, 0.1, 1.55], [0, 0, 1.4], [-0.18, 0, 1.38], [-0.25, 0, 1.1], [-0.28, 0.05, 0.85],
        [0.18, 0, 1.38], [0.25, 0, 1.1], [0.28, 0.05, 0.85], [0, 0, 0.92], [-0.09, 0, 0.92],
        [-0.1, -0.03, 0.5], [-0.11, 0, ANKLE_M], [0.09, 0, 0.92], [0.1, -0.03, 0.5],
        [0.11, 0, ANKLE_M],
    ])  # fmt: skip
    return camera.from_room(room + np.array([across_m, distance_m, 0.0]))


def make_rig(camera: Camera, mics: int = 6, spread_m: float = 0.0463) -> Rig:
    angle = 2.0 * np.pi * np.arange(mics) / mics
    positions = np.stack(
        [spread_m * np.cos(angle), 0.1 + spread_m * np.sin(angle), 0 * angle], axis=1
    )
    pairs = np.stack([0 * np.arange(mics), np.arange(mics)], axis=1)
    return Rig(np.array([[0.12, 0.1, 0.0]]), positions, pairs, camera, 343.0)


def seen(joints: np.ndarray, camera: Camera) -> Keypoints:
    pixels = np.zeros((25, 3))
    pixels[:15, :2] = camera.project(joints)
    pixels[:15, 2] = 0.9
    return Keypoints(pixels, 1.0)


def normalised(joints: np.ndarray, view: PersonView) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `PersonView.points`: log depth (15,) and place (15, 2)."""
    own = joints @ view.turn
    return np.log(own[:, 2] * view.size), (own[:, :2] / own[:, 2:] - view.centre) / view.size


def echoes(points: np.ndarray, rig: Rig, window: int = 640) -> Kernels:
    """Analytic kernels of point scatterers: impulses of 1 / (r1 r2), exact delays."""
    frequency = np.fft.fftfreq(2 * window, 1.0 / RATE)
    gain = np.where((frequency > BAND[0]) & (frequency < BAND[1]), 1.0, 0.0)
    arrival = rig.arrival_s(points)
    phase = np.exp(-2j * np.pi * frequency * arrival[..., None])
    path = arrival * rig.speed_of_sound_m_s
    spectrum = (gain * phase / path[..., None] ** 2).sum(axis=1)
    return make_kernels(np.fft.ifft(spectrum)[:, :window].astype(np.complex64), RATE, BAND)
