"""The forms of the fusion network behind one interface: points in space, what is heard there, the
network, joints in metres.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.rig import Rig
from edge.lifting.frustum import FrustumSpec, decode_frustum, frustum_image, frustum_sound
from edge.lifting.ray_decoder import DecodedPose, RayDecoding, decode
from edge.lifting.rays import (
    CHANNELS,
    N_JOINTS,
    PersonView,
    RaySpec,
    ray_context,
    ray_sound,
    sound_features,
)
from edge.sound.pose_kernel import Kernels


class Form(Protocol):
    """What a network is given and what its outputs mean. log_depth (15,), xy (15, 2): what the
    image alone believes.
    """

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
    ) -> tuple[FloatArray, ...]:
        """Sound first, context (CONTEXT,) last, no batch dimension. Without kernels the sound is
        silence.
        """

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: RayDecoding,
    ) -> DecodedPose:
        """Logits and residuals (RESIDUALS,) of one person -> joints."""


@dataclass(frozen=True)
class RayForm:
    """Sound along the joints' rays, a 1D network over depth."""

    spec: RaySpec

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
    ) -> tuple[FloatArray, ...]:
        """sound (bins, 45), context (CONTEXT,)."""
        if kernels is None:
            sound = np.zeros((self.spec.bins, N_JOINTS * len(CHANNELS)), np.float32)
        else:
            sound = ray_sound(kernels, rig, view, log_depth, xy, self.spec)
        return sound, _context(view, log_depth, xy, kernels, rig, self.spec)

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: RayDecoding,
    ) -> DecodedPose:
        """See `Form`; logits (bins, 15)."""
        return decode(*outputs, log_depth, xy, view, self.spec, decoding)


@dataclass(frozen=True)
class VolumeForm:
    """Sound and heatmaps on a frustum grid, a multi-stage 3D CNN."""

    spec: FrustumSpec

    def inputs(
        self,
        view: PersonView,
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        kernels: Kernels | None,
        rig: Rig,
    ) -> tuple[FloatArray, ...]:
        """sound (pairs, bins, side, side), image (bins, side, side, 15), context (CONTEXT,)."""
        s = self.spec
        if kernels is None:
            sound = np.zeros((s.pairs, s.bins, s.side, s.side), np.float32)
        else:
            sound = frustum_sound(kernels, rig, view, log_depth, s)
        return (
            sound,
            frustum_image(log_depth, xy, s),
            _context(view, log_depth, xy, kernels, rig, RaySpec()),
        )

    def decode(
        self,
        outputs: tuple[npt.ArrayLike, npt.ArrayLike],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
        decoding: RayDecoding,
    ) -> DecodedPose:
        """See `Form`; logits (bins, side, side, 15)."""
        return decode_frustum(*outputs, log_depth, xy, view, self.spec, decoding)


def form_of(spec: RaySpec | FrustumSpec) -> Form:
    """The form that has this grid."""
    return RayForm(spec) if isinstance(spec, RaySpec) else VolumeForm(spec)


def spec_from(form: str, data: dict[str, Any]) -> RaySpec | FrustumSpec:
    """A grid out of `dataclasses.asdict`. Raises KeyError for an unknown form, TypeError for
    unknown numbers.
    """
    kind: type[RaySpec] | type[FrustumSpec] = {"ray": RaySpec, "volume": FrustumSpec}[form]
    return kind(**data | {"gate": tuple(data["gate"])})


def _context(
    view: PersonView,
    log_depth: npt.ArrayLike,
    xy: npt.ArrayLike,
    kernels: Kernels | None,
    rig: Rig,
    spec: RaySpec,
) -> FloatArray:
    return ray_context(view, log_depth, xy, sound_features(None if kernels is None else rig, spec))
