"""The checks of the camera that a running sensor makes."""

import logging
from collections.abc import Iterable, Sequence

from edge.behaviour.mounting.camera_height import CameraHeight
from edge.behaviour.mounting.heads_down import HeadsDown
from edge.behaviour.mounting.kept_height import KeptHeight
from edge.core.contracts import Problem
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Camera

log = logging.getLogger(__name__)


class CameraChecks:
    """Upside down, or at another height than the configuration says. Changes are logged."""

    def __init__(self, camera: Camera) -> None:
        self._heads_down, self._height = HeadsDown(camera), CameraHeight(camera)
        self._kept: KeptHeight | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong now."""
        found = (self._heads_down.problem, self._height.problem)
        return tuple(problem for problem in found if problem is not None)

    @property
    def camera(self) -> Camera:
        """As people show it: at the configured height until they contradict that."""
        return self._height.camera

    @property
    def height_is_wrong(self) -> bool:
        """The configured height must not be used to lift people."""
        return self._height.problem is not None

    def see(self, people: Sequence[Keypoints], t_ns: int) -> None:
        """Take in everybody in one image. t_ns: of the image."""
        before = self._heads_down.problem
        _log_change(before, self._heads_down(people, t_ns), "people stand upright")

    def pose(self, poses: Iterable[LiftedPose]) -> None:
        """Take in people as they were lifted without the camera's height."""
        before, was_m = self._height.problem, self._height.off_m
        _log_change(before, self._height(poses), "people stand on the floor")
        if self._kept is not None and self._height.off_m != was_m:
            self._kept.keep(self._height.off_m)

    def recall(self, kept: KeptHeight) -> None:
        """Go on from what people showed before a restart, and keep what they show from now on."""
        self._kept, off_m = kept, kept.load()
        if off_m is not None:
            self._height.recall(off_m)
            _log_change(None, self._height.problem, "")

    def drop_stale(self) -> None:
        """Forget for good what was kept of another camera or rig. Call once no other sensor can be
        running under this one's name.
        """
        if self._kept is not None and not self.height_is_wrong:
            self._kept.keep(None)

    def forget(self) -> None:
        """Start anew, as after the camera was opened again."""
        self._heads_down.forget()


def _log_change(before: Problem | None, now: Problem | None, right: str) -> None:
    """right: what is seen where there is no problem any longer."""
    if (before is None) != (now is None):
        level = logging.INFO if now is None else logging.WARNING
        log.log(level, "camera: %s", right if now is None else f"{now.found}; {now.remedy}")
