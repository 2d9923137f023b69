"""The trained lifter: 2D joints -> vision network -> kernels around it -> fusion -> metres."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.core.arrays import FloatArray
from edge.core.errors import ModelError
from edge.core.inference.tflite import Model
from edge.core.pose import N_JOINTS, Keypoints, LiftedPose, ScaleSource
from edge.core.rig import Rig
from edge.lifting.decoded_pose import DecodedPose
from edge.lifting.geometric_lifter import TORSO, echo_before
from edge.lifting.mirror import mirrored_rig
from edge.lifting.model_card import card_path, load_card
from edge.lifting.person_view import PersonView, keypoint_view
from edge.sound.pose_kernel import Kernels


class NetworkLifter:
    """A `Lifter` that runs the trained networks."""

    def __init__(self, model: Path, threads: int = 1, runtime: str = "") -> None:
        """model: the float or the int8 .tflite; its card lies beside it. runtime: see `Model`.

        Raises ModelError where a file is missing, corrupt, not of this version, or not the one that
        the card describes.
        """
        self.card = load_card(card_path(model))
        if model.name not in self.card.sha256:
            known = ", ".join(sorted(self.card.sha256))
            raise ModelError(
                f"{card_path(model)}: describes {known}, but not {model.name}: install card and "
                "model together"
            )
        self._vision, self._fusion = (
            Model(model.with_name(name), threads, runtime, self.card.sha256[name])
            for name in (self.card.vision, model.name)
        )

    def __call__(
        self, keypoints: Keypoints, kernels: Kernels | None, rig: Rig
    ) -> LiftedPose | None:
        """See `Lifter`. Without kernels the image alone sets the scale, and sigma is larger.

        The person is lifted twice, the second time mirrored, and the mean is taken: PCK at 15 cm is
        half a point higher for twice the time.
        """
        view, other = keypoint_view(keypoints, rig), keypoint_view(keypoints, rig, mirror=True)
        if view is None or other is None:
            return None
        lifted = self.lift(view, kernels, rig)
        lifted = lifted.with_mirror_image(self.lift(other, kernels, mirrored_rig(rig)))
        by_sound = kernels is not None and lifted.sound >= self.card.sound_threshold
        confidence = np.where(view.seen, keypoints.pixels[:N_JOINTS, 2], 0.0)
        sir_db = range_m = float("nan")
        if kernels is not None:
            torso = lifted.joints[list(TORSO)].mean(axis=0)
            sir_db, range_m = echo_before(torso, kernels, rig)
        source: ScaleSource = "sound" if by_sound else "height"
        return LiftedPose(
            joints=lifted.joints,
            sigma=lifted.sigma,
            confidence=confidence,
            scale_source=source,
            sir_db=sir_db,
            echo_range_m=range_m if by_sound else float("nan"),
            sound_confidence=float("nan") if kernels is None else lifted.sound,
        )

    def lift(self, view: PersonView, kernels: Kernels | None, rig: Rig) -> DecodedPose:
        """One person through both networks."""
        log_depth, xy = self.see(view)
        inputs = self.card.form.inputs(view, log_depth, xy, kernels, rig)
        return self.fuse(inputs, log_depth, xy, view)

    def fuse(
        self,
        inputs: tuple[FloatArray, ...],
        log_depth: npt.ArrayLike,
        xy: npt.ArrayLike,
        view: PersonView,
    ) -> DecodedPose:
        """The fusion network on its inputs (`Form.inputs`)."""
        logits, residual = self._fusion.run(*(x[None] for x in inputs))
        outputs = logits[0], residual[0]
        return self.card.form.decode(outputs, log_depth, xy, view, self.card.decoding)

    def see(self, view: PersonView) -> tuple[FloatArray, FloatArray]:
        """The vision network's normalised log depth (15,) and place (15, 2) of the joints."""
        (out,) = self._vision.run(view.features[None])
        return out[0, :N_JOINTS], out[0, N_JOINTS:].reshape(N_JOINTS, 2)
