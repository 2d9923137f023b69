"""The vision network: what the 2D joints alone say of the joints in space."""

from pathlib import Path

from edge.core.arrays import FloatArray
from edge.core.inference.tflite import Model
from edge.core.pose import N_JOINTS
from edge.lifting.person_view import PersonView


class VisionModel:
    """Runs the vision network's file; all forms share it."""

    def __init__(
        self, path: Path, threads: int = 1, runtime: str = "", sha256: str | None = None
    ) -> None:
        """See `Model`, also for what is raised."""
        self._model = Model(path, threads, runtime, sha256)

    def __call__(self, view: PersonView) -> tuple[FloatArray, FloatArray]:
        """Normalised log depth (15,) and place (15, 2) of the joints of one person."""
        (out,) = self._model.run(view.features[None])
        return out[0, :N_JOINTS], out[0, N_JOINTS:].reshape(N_JOINTS, 2)
