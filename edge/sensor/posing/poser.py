"""Everybody's pose, and what poses tell: how tall people are, and how high the camera hangs."""

from collections.abc import Sequence

from edge.behaviour.mounting.camera_checks import CameraChecks
from edge.behaviour.mounting.kept_height import KeptHeight
from edge.behaviour.people import People, Sight
from edge.core.config import LifterConfig
from edge.core.pose import LiftedPose
from edge.core.rig import Rig
from edge.core.stature import BodySize
from edge.lifting.lifter import Lifter
from edge.sensor.posing.shares import Share, everybody, lift_shares, without_floor

# Somebody's size is learned from the floor so often.
FLOOR_EVERY_S = 2.0


class Poser:
    """Lifts people by sound, and by the floor below a camera whose height is known and which nobody
    contradicts. lift: may be replaced.
    """

    def __init__(
        self, lift: Lifter, config: LifterConfig, rig: Rig, people: People, checks: CameraChecks
    ) -> None:
        self.lift = lift
        self._rig, self._people, self._checks = rig, people, checks
        # The geometric lifter does not know of the floor.
        self._floor_known = config.kind != "geometric" and rig.camera.height_m is not None
        self._floor_ns = 0

    def forget(self) -> None:
        """Call between two sources."""
        self._floor_ns = 0

    def recall(self, kept: KeptHeight) -> None:
        """Go on from what people showed of the camera's height before a restart."""
        if self._floor_known:  # else nobody would ever contradict it
            self._checks.recall(kept)
            self._people.hang_camera(self._checks.camera, self._checks.height_is_wrong)

    def __call__(self, posed: Sequence[Sight], shares: Sequence[Share]) -> list[LiftedPose | None]:
        """The pose of each of them."""
        told = self._people.sizes if self._by_floor else self._people.beliefs
        return self._lift(posed, told(posed), shares)

    def hear(self, there: Sequence[Sight], shares: Sequence[Share]) -> list[LiftedPose | None]:
        """What new sound tells of everybody there: their poses, lifted without knowing their size,
        which is learned from them.
        """
        poses = self._checked(there, shares)
        if poses is None:
            poses = self._lift(there, (), shares)
        self._learn_sizes(there, poses)
        return poses

    def see(self, posed: Sequence[Sight], t_ns: int) -> None:
        """Now and then learn how tall people are by the floor that they stand on. t_ns: of the
        image.
        """
        if self._by_floor and t_ns - self._floor_ns >= FLOOR_EVERY_S * 1e9:
            self._floor_ns = t_ns
            self._learn_sizes(posed, self._lift(posed, (), everybody(posed, None, None)))

    @property
    def _by_floor(self) -> bool:
        return self._floor_known and not self._checks.height_is_wrong

    def _lift(
        self, posed: Sequence[Sight], sizes: Sequence[BodySize | None], shares: Sequence[Share]
    ) -> list[LiftedPose | None]:
        if self._checks.height_is_wrong:
            return self._lift_without_floor(posed, sizes, shares)
        return lift_shares(self.lift, posed, sizes, shares, self._rig)

    def _lift_without_floor(
        self, posed: Sequence[Sight], sizes: Sequence[BodySize | None], shares: Sequence[Share]
    ) -> list[LiftedPose | None]:
        return lift_shares(self.lift, posed, sizes, without_floor(shares), self._rig.without_floor)

    def _checked(
        self, there: Sequence[Sight], shares: Sequence[Share]
    ) -> list[LiftedPose | None] | None:
        """See whether people stand on the floor. Returns their poses where these are made without
        it before and after, else None.

        To see that, they are lifted without it: a network that knows the camera's height puts feet
        there.
        """
        if not self._floor_known:
            return None
        was_wrong = self._checks.height_is_wrong
        heard = shares if was_wrong else [s for s in shares if s.kernels is not None]
        poses = self._lift_without_floor(there, (), heard)
        self._checks.pose(p for p in poses if p is not None)
        self._people.hang_camera(self._checks.camera, self._checks.height_is_wrong)
        return poses if was_wrong and self._checks.height_is_wrong else None

    def _learn_sizes(self, people: Sequence[Sight], poses: Sequence[LiftedPose | None]) -> None:
        for (track, _), pose in zip(people, poses, strict=True):
            if pose is not None:
                self._people.learn_size(track, pose)
