"""Trained networks as predictors, also with an input changed: MODEL.tflite[:VARIANT+...]."""

import re
from dataclasses import replace
from pathlib import Path

from edge.core.errors import ConfigError, SessionError
from edge.core.pose import LiftedPose
from edge.core.rig import Rig
from edge.lifting.network_lifter import NetworkLifter
from edge.sound.pose_kernel import Kernels
from edge.sources.session.dataset import Environment, Sample
from export.baselines.sound_baselines import sample_kernels

# silent: no sound. shuffled: the sound of another room. nobody: the sound without the body's part,
# as if the image showed a picture of a person. reversed: pairs in reverse order. no-height: the
# camera's height and tilt unknown. K-pairs: only the first K.
VARIANTS = ("silent", "shuffled", "nobody", "reversed", "no-height", "K-pairs")
_PAIRS = re.compile(r"(\d+)-pairs?")


class NetworkPredictor:
    """The runtime's network lifter, with the variant's changes to its input."""

    def __init__(self, model: Path, variant: str = "") -> None:
        """Raises ConfigError for an unknown variant, ModelError where the model cannot be read."""
        self.variants = variant.split("+") if variant else []
        for name in self.variants:
            if name not in VARIANTS[:-1] and not _PAIRS.fullmatch(name):
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
        return self.lift(sample.keypoints, kernels, rig)

    def _varied(
        self, name: str, kernels: Kernels | None, rig: Rig, sample: Sample, environment: Environment
    ) -> tuple[Kernels | None, Rig]:
        if name == "no-height":
            return kernels, replace(
                rig, camera=replace(rig.camera, height_m=None, tilt_deg=0.0, roll_deg=0.0)
            )
        if name == "silent" or kernels is None:
            return None, rig
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


def _without_body(sample: Sample, environment: Environment) -> Kernels:
    if sample.clean is None:
        raise SessionError(
            f"{environment.path}/{sample.name}: has no rir_clean.npy, so the sound without "
            "the body is not known; "
            "`posekernel-export simulate --keep-clean` keeps it"
        )
    return sample_kernels(replace(sample, rir=sample.rir - sample.clean), environment)


def _chosen(kernels: Kernels, rig: Rig, pairs: list[int]) -> tuple[Kernels, Rig]:
    chosen = kernels.of_pairs(pairs)
    return chosen, replace(rig, pairs=rig.pairs[pairs])
