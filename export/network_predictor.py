"""Trained lifters as predictors, whole or with something taken away: MODEL.tflite or MODEL.tflite:VARIANT."""

import re
from dataclasses import replace
from pathlib import Path

from edge.dataset import Environment, Sample
from edge.errors import ConfigError, SessionError
from edge.network_lifter import NetworkLifter
from edge.pose import LiftedPose
from edge.pose_kernel import Kernels, make_kernels
from edge.rig import Rig
from export.sound_baselines import sample_kernels

# silent: no sound. shuffled: the sound of somebody in another room. reversed: the pairs the other way round. no-height: the
# camera's height and tilt unknown. K-pairs: only the first K.
VARIANTS = ("silent", "shuffled", "reversed", "no-height", "K-pairs")
_PAIRS = re.compile(r"(\d+)-pairs?")


class NetworkPredictor:
    """The runtime's network lifter, as the device runs it, but for the variant."""

    def __init__(self, model: Path, variant: str = "") -> None:
        """Raises ConfigError for an unknown variant, ModelError where the model cannot be read."""
        if variant and variant not in VARIANTS[:-1] and not _PAIRS.fullmatch(variant):
            raise ConfigError(f"{model}:{variant}: the variant is unknown, one of {', '.join(VARIANTS)} (K a number) is needed")
        self.lift, self.variant = NetworkLifter(model), variant
        self._heard: dict[tuple[object, ...], list[tuple[Path, Kernels]]] = {}

    def __call__(self, sample: Sample, environment: Environment) -> LiftedPose | None:
        """See `Predictor`. Raises SessionError where there is no sound to shuffle yet."""
        kernels, rig = sample_kernels(sample, environment), environment.rig
        if self.variant == "silent":
            return self.lift(sample.keypoints, None, rig)
        if self.variant == "shuffled":
            return self.lift(sample.keypoints, self._others(kernels, environment), rig)
        if self.variant == "no-height":
            rig = replace(rig, camera=replace(rig.camera, height_m=None, tilt_deg=0.0, roll_deg=0.0))
        elif self.variant == "reversed":
            kernels, rig = _chosen(kernels, rig, list(range(len(rig.pairs)))[::-1])
        elif match := _PAIRS.fullmatch(self.variant):
            kernels, rig = _chosen(kernels, rig, list(range(min(int(match[1]), len(rig.pairs)))))
        return self.lift(sample.keypoints, kernels, rig)

    def _others(self, kernels: Kernels, environment: Environment) -> Kernels:
        """The latest sound of another room with as many pairs."""
        heard = self._heard.setdefault((kernels.analytic.shape, kernels.sample_rate_hz, kernels.band_hz), [])
        others = [k for path, k in heard if path != environment.path]
        # One per room is enough: the last room's latest.
        heard[:] = [*[(p, k) for p, k in heard if p != environment.path][-1:], (environment.path, kernels)]
        if not others:
            raise SessionError("no other room with as many pairs came before, so there is no sound to shuffle")
        return others[-1]


def _chosen(kernels: Kernels, rig: Rig, pairs: list[int]) -> tuple[Kernels, Rig]:
    chosen = make_kernels(kernels.analytic[pairs], kernels.sample_rate_hz, kernels.band_hz)
    return chosen, replace(rig, pairs=rig.pairs[pairs])
