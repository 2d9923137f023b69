"""Notices that people stand above the floor, or below it: then the camera's height is wrong.

Only poses tell that sound alone has scaled. Networks that know the camera's height put feet on the
floor that is in question, even where sound says otherwise: below a camera that is 30 cm lower than
was told, a child was put 79 cm too far off.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from edge.behaviour.floor import sole_on_feet
from edge.behaviour.places import Places
from edge.behaviour.posture import measure
from edge.core.arrays import Array
from edge.core.contracts import Problem
from edge.core.plausibility import CAMERA_HEIGHT_M
from edge.core.pose import LiftedPose
from edge.core.rig import Camera
from edge.core.stature import standing_height

HEIGHT = "height"  # the kind of the problem
# Somebody may stand on a stair: what counts is in how many places people are off, and alike. Of a
# place that nobody has gone back to in so many visits it is not known any longer: people may have
# come down from a platform, and the camera may have slipped.
LEAST_PLACES, MOST_PLACES, RECENT_VISITS = 4, 20, 60
LEAST_POSES, MOST_POSES = 2, 15  # in one place
# Children look like adults farther off, who would stand below the floor: only who is tall counts
# there.
TALL_M = 1.65
BELOW_M = 0.09  # less counts, or what is left would seem to stand above it
SURE = 0.9  # of the sound
# So high above the floor soles seem to be by sound alone: 0.06 from person to person, of 13 on as
# many simulated evenings.
SOLE_M = 0.06
# Off by so much, and in this share of the places alike: the same way, by half of that, and about as
# much, which the steps of stairs are not. Less is enough to go on: it would come and go with every
# step otherwise, and all distances with it.
WRONG_M, STILL_WRONG_M = 0.18, 0.12
AGREE, STILL_AGREE = 0.8, 0.7
ALIKE_M, ALIKE = 0.15, 0.5  # within so much, or this share of it: a wrong tilt grows with distance
STEP_M = 0.05  # of what is told ...
HOLD_M = 0.04  # ... and for as long as the newest estimate is no farther from it


class CameraHeight:
    """Call it with poses now and then; `problem` is there while people stand off the floor.

    camera: as they show it; its height is the configured one until they contradict that.
    """

    def __init__(self, camera: Camera) -> None:
        """camera: without a height nothing is judged."""
        self._told = self.camera = camera
        self._off_m = 0.0
        self._places = Places(_Place, MOST_PLACES)
        self.problem: Problem | None = None

    @property
    def off_m(self) -> float | None:
        """How high above the floor of the configured height people stand [m]; None where they stand
        on it.
        """
        return None if self.problem is None else self._off_m

    def recall(self, off_m: float) -> None:
        """Go on from an earlier `off_m` of this camera, until people show something else."""
        if self._told.height_m is not None:
            self._hang(off_m)

    def __call__(self, poses: Iterable[LiftedPose]) -> Problem | None:
        """The problem, where there is one now. poses: lifted without the camera's height; also of
        people who do not count as present, for where it is wrong nobody is heard where they seem
        to be.
        """
        for pose in poses:
            heard = pose.scale_source == "sound" and pose.sound_confidence >= SURE
            sole = self._sole(pose) if heard else None
            if sole is not None:
                before = self._places.newest
                place = self._places.at("sole", sole[:2])
                if before is not None and place is not before:
                    place.visit = before.visit + 1
                place.soles.append(float(sole[2]))
                self._judge()
        return self.problem

    def _sole(self, pose: LiftedPose) -> Array | None:
        """Where somebody is on their feet, and their soles' height (3,) [m], room frame; None of
        others.
        """
        if self._told.height_m is None:
            return None
        standing_m = standing_height(pose.joints, pose.confidence)
        body = measure(self._told.to_room(pose.joints), pose.confidence, 0.0)
        m = body.measures
        sole_m = sole_on_feet(m.hip, m.foot, m.upright, standing_m)
        if sole_m is None or (sole_m < SOLE_M - BELOW_M and standing_m < TALL_M):
            return None
        return np.array([*body.place, sole_m - SOLE_M])

    def _judge(self) -> None:
        known = [p for p in self._places if p.periods >= LEAST_POSES]
        newest = max((p.visit for p in self._places), default=0)
        soles = [np.median(p.soles) for p in known if p.visit > newest - RECENT_VISITS]
        if len(soles) < LEAST_PLACES:
            return
        off_m, was_m = float(np.median(soles)), self._off_m
        least_m, least = (WRONG_M, AGREE) if self.problem is None else (STILL_WRONG_M, STILL_AGREE)
        same_way = np.sign(off_m) * np.array(soles) > 0.5 * WRONG_M
        about = np.abs(np.array(soles) - off_m) < max(ALIKE_M, ALIKE * abs(off_m))
        agree = np.mean(same_way & about if self.problem is None else same_way)
        if abs(off_m) < least_m or agree < least:
            self._off_m, self.camera, self.problem = 0.0, self._told, None
        elif self.problem is None or abs(off_m - was_m) > HOLD_M:
            self._hang(STEP_M * round(off_m / STEP_M))

    def _hang(self, off_m: float) -> None:
        """off_m: how high above the floor of the configured height people stand."""
        told = self._told
        assert told.height_m is not None
        found_m = max(told.height_m - off_m, CAMERA_HEIGHT_M[0])
        self._off_m, self.camera = off_m, replace(told, height_m=found_m)
        where = "above" if off_m > 0.0 else "below"
        self.problem = Problem(
            "camera",
            "camera",
            HEIGHT,
            f"sees people stand about {100.0 * abs(off_m):.0f} cm {where} the floor",
            f"its height of {told.height_m:.2f} m or its tilt of {told.tilt_deg:g} degrees is "
            "wrong, or it was moved since; people on a platform look the same",
            "measure its tilt, and its height above the floor that people walk on, again: "
            f"posekernel setup --only mounting; their feet say about {found_m:.2f} m",
        )


class _Place:
    """Heights [m] of the soles of those who stood about `where` (2,) [m]. visit: number of the
    newest one.
    """

    def __init__(self, kind: str, where: Array) -> None:
        self.kind, self.where = kind, where
        self.visit = 0
        self.soles: deque[float] = deque(maxlen=MOST_POSES)

    @property
    def periods(self) -> int:
        return len(self.soles)
