"""Notices that people stand above the floor, or below it: then the camera's height is wrong.

Only poses whose scale is from sound tell: the image alone puts feet on the floor that is in
question.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from edge.behaviour.floor import FOOT_SHARE, STRAIGHT_LEGS, UPRIGHT_COSINE
from edge.behaviour.posture import measure
from edge.core.arrays import Array
from edge.core.contracts import Problem
from edge.core.pose import LiftedPose
from edge.core.rig import Camera
from edge.core.stature import standing_height

# Somebody may stand on a stair: what counts is in how many places people are off, and alike.
PLACE_M, LEAST_PLACES, MOST_PLACES = 0.6, 5, 20
SPACING_S, LEAST_POSES, MOST_POSES = 0.2, 5, 50  # of the poses in one place
WRONG_M = 0.12
AGREE = 0.8  # share of the places that are off the same way, by half of that


class CameraHeight:
    """Call it with the poses of each image; `problem` is there while people stand off the floor."""

    def __init__(self, camera: Camera) -> None:
        """camera: without a height nothing is judged."""
        self._camera = camera
        self._places: list[_Place] = []  # the one visited last at the end
        self._next_ns = 0
        self.problem: Problem | None = None

    def __call__(self, poses: Iterable[LiftedPose], t_ns: int) -> Problem | None:
        """The problem, where there is one after this image. poses: of people who are there, as they
        were lifted. t_ns: of the image.
        """
        # Not after a step of the clock.
        if self._camera.height_m is None or 0 < self._next_ns - t_ns <= SPACING_S * 1e9:
            return self.problem
        self._next_ns = t_ns + round(SPACING_S * 1e9)
        for pose in poses:
            sole = self._sole(pose) if pose.scale_source == "sound" else None
            if sole is not None:
                self._learn(sole)
        return self.problem

    def _sole(self, pose: LiftedPose) -> Array | None:
        """Where on the floor somebody is on their feet, and its height (3,) [m], room frame; None
        of others.
        """
        standing_m = standing_height(pose.joints, pose.confidence)
        body = measure(self._camera.to_room(pose.joints), pose.confidence, 0.0)
        m = body.measures
        if not (m.hip - m.foot > STRAIGHT_LEGS * standing_m and m.upright > UPRIGHT_COSINE):
            return None  # NaN, too
        return np.array([*body.place, m.foot - FOOT_SHARE * standing_m])

    def _learn(self, sole: Array) -> None:
        for place in self._places:
            if np.linalg.norm(place.where - sole[:2]) < PLACE_M:
                self._places.remove(place)
                break
        else:
            place = _Place(sole[:2])
            del self._places[: len(self._places) - MOST_PLACES + 1]
        place.soles.append(float(sole[2]))
        self._places.append(place)
        self._judge()

    def _judge(self) -> None:
        known = [np.median(p.soles) for p in self._places if len(p.soles) >= LEAST_POSES]
        if len(known) < LEAST_PLACES:
            return
        off_m = float(np.median(known))
        agree = np.mean(np.sign(off_m) * np.array(known) > 0.5 * WRONG_M)
        wrong = abs(off_m) >= WRONG_M and agree >= AGREE
        self.problem = self._in_words(off_m) if wrong else None

    def _in_words(self, off_m: float) -> Problem:
        cm, where = 5 * round(20.0 * abs(off_m)), "above" if off_m > 0.0 else "below"
        return Problem(
            "camera",
            "camera",
            "height",
            f"sees people stand about {cm} cm {where} the floor",
            "rig.camera.height_m or its tilt is wrong, or it was moved since it was measured",
            "measure its height and tilt again: posekernel setup --only mounting",
        )


class _Place:
    """Heights [m] of the soles of those who stood about `where` (2,) [m]."""

    def __init__(self, where: Array) -> None:
        self.where = where
        self.soles: deque[float] = deque(maxlen=MOST_POSES)
