"""Trained networks as predictors, also with an input changed: MODEL.tflite[:VARIANT+...]."""

import re
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

from edge.core.errors import ConfigError, SessionError
from edge.core.pose import MID_HIP, N_JOINTS, LiftedPose
from edge.core.rig import Rig
from edge.core.stature import BodySize, standing_heights
from edge.lifting.network_lifter import NetworkLifter
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from edge.sources.session.dataset import Environment, Sample
from export.baselines.sound_baselines import sample_kernels

# silent: no sound. shuffled: the sound of another room. nobody: the sound without the body's part,
# as if the image showed a picture of a person. reversed: pairs in reverse order. no-height: the
# camera's height and tilt unknown. sized: the body's size known to SIZE_SIGMA. K-pairs: only the
# first K. K-db: white noise K dB below the echo added, and known. K-cm: the camera's height told K
# cm too large, as for somebody who stands on a stool.
NAMED = ("silent", "shuffled", "nobody", "reversed", "no-height", "sized")
VARIANTS = (*NAMED, "K-pairs", "K-db", "K-cm")
_PAIRS = re.compile(r"(\d+)-pairs?")
_NOISE, _RAISED = re.compile(r"(-?\d+)-db"), re.compile(r"(-?\d+)-cm")
SIZE_SIGMA = 0.025  # of the logarithm: what half a minute of sound tells of somebody
NEAR_M = 0.7  # noise is measured against the echo within this half path of the mid-hip


class NetworkPredictor:
    """The runtime's network lifter, with the variant's changes to its input."""

    def __init__(self, model: Path, variant: str = "") -> None:
        """Raises ConfigError for an unknown variant, ModelError where the model cannot be read."""
        self.variants = variant.split("+") if variant else []
        for name in self.variants:
            if name not in NAMED and not any(
                pattern.fullmatch(name) for pattern in (_PAIRS, _NOISE, _RAISED)
            ):
                raise ConfigError(
                    f"{model}:{name}: the variant is unknown, one of {', '.join(VARIANTS)} (K a "
                    "number) is needed"
                )
        self.lift = NetworkLifter(model)
        self._recent: dict[tuple[object, ...], list[tuple[Path, Kernels]]] = {}

    def __call__(self, sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        """See `Predictor`. Raises SessionError where the variant lacks its sound: no other room
        yet, or no response without the body.
        """
        kernels: Kernels | None = sample_kernels(sample, environment)
        rig = environment.rig
        for name in self.variants:
            kernels, rig = self._varied(name, kernels, rig, sample, environment)
        sizes = _sizes(sample, environment) if "sized" in self.variants else ()
        return self.lift(sample.keypoints, kernels, rig, sizes)

    def _varied(
        self, name: str, kernels: Kernels | None, rig: Rig, sample: Sample, environment: Environment
    ) -> tuple[Kernels | None, Rig]:
        if name == "no-height":
            return kernels, rig.without_floor
        if raised := _RAISED.fullmatch(name):
            return kernels, _higher(rig, 0.01 * float(raised[1]))
        if name == "sized":
            return kernels, rig
        if name == "silent" or kernels is None:
            return None, rig
        if noise := _NOISE.fullmatch(name):
            return _noisy(kernels, float(noise[1]), sample, environment), rig
        if name == "shuffled":
            return self._others(kernels, environment), rig
        if name == "nobody":
            return _without_body(sample, environment), rig
        pairs = list(range(len(rig.pairs)))
        match = _PAIRS.fullmatch(name)
        return _chosen(kernels, rig, pairs[: int(match[1])] if match else pairs[::-1])

    def _others(self, kernels: Kernels, environment: Environment) -> Kernels:
        """The latest sound of another room with as many pairs."""
        recent = self._recent.setdefault(
            (kernels.analytic.shape, kernels.sample_rate_hz, kernels.band_hz), []
        )
        others = [k for path, k in recent if path != environment.path]
        # One per room is enough: the last room's latest.
        recent[:] = [
            *[(p, k) for p, k in recent if p != environment.path][-1:],
            (environment.path, kernels),
        ]
        if not others:
            raise SessionError(
                "no other room with as many pairs came before, so there is no sound to shuffle"
            )
        return others[-1]


def _rng(sample: Sample, environment: Environment) -> np.random.Generator:
    """The same for a sample whichever lifter is asked."""
    return np.random.default_rng(crc32(f"{environment.path.name}/{sample.name}".encode()))


def _sizes(sample: Sample, environment: Environment) -> list[BodySize | None]:
    """The true sizes, wrong by SIZE_SIGMA."""
    rng = _rng(sample, environment)
    heights = np.log(standing_heights(sample.joints[:, :N_JOINTS]))
    heights += rng.normal(0.0, SIZE_SIGMA, heights.shape)
    return [BodySize(float(h), SIZE_SIGMA) if np.isfinite(h) else None for h in heights]


def _noisy(kernels: Kernels, below_db: float, sample: Sample, environment: Environment) -> Kernels:
    """With white noise so far below the first person's echo."""
    hip, rig = sample.joints[0, MID_HIP], environment.rig
    arrival, rate = float(rig.arrival_s(hip).mean()), kernels.sample_rate_hz
    half = 2.0 * NEAR_M / rig.speed_of_sound_m_s
    near = slice(max(0, int((arrival - half) * rate)), int((arrival + half) * rate) + 1)
    white = analytic_signal(
        _rng(sample, environment).normal(size=kernels.envelope.shape), rate, kernels.band_hz
    )
    rms = float(np.sqrt(np.mean(np.abs(white) ** 2)))
    level = float(np.sqrt(np.mean(kernels.envelope[:, near] ** 2))) * 10.0 ** (-below_db / 20.0)
    sigma = np.full(kernels.envelope.shape, level, np.float32)
    noise = np.complex64(level / rms) * white
    return make_kernels(kernels.analytic + noise, rate, kernels.band_hz, sigma)


def _without_body(sample: Sample, environment: Environment) -> Kernels:
    if sample.clean is None:
        raise SessionError(
            f"{environment.path}/{sample.name}: has no rir_clean.npy, so the sound without "
            "the body is not known; "
            "`posekernel-export simulate --keep-clean` keeps it"
        )
    return sample_kernels(replace(sample, rir=sample.rir - sample.clean), environment)


def _higher(rig: Rig, by_m: float) -> Rig:
    height_m = rig.camera.height_m
    if height_m is None:
        raise SessionError("the camera's height is not known, so it cannot be told too large")
    return replace(rig, camera=replace(rig.camera, height_m=height_m + by_m))


def _chosen(kernels: Kernels, rig: Rig, pairs: list[int]) -> tuple[Kernels, Rig]:
    chosen = kernels.of_pairs(pairs)
    return chosen, replace(rig, pairs=rig.pairs[pairs])
