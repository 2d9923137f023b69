"""Notices that people stand above the floor, or below it: then the camera's height is wrong.

Only poses tell that sound alone has scaled. Networks that know the camera's height put feet on the
floor that is in question, even where sound says otherwise: below a camera that is 30 cm lower than
was told, a child was put 79 cm too far off.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from edge.behaviour.floor import sole_on_feet
from edge.behaviour.places import Places
from edge.behaviour.posture import measure
from edge.core.arrays import Array
from edge.core.contracts import Problem
from edge.core.pose import LiftedPose
from edge.core.rig import Camera
from edge.core.stature import standing_height

# Somebody may stand on a stair: what counts is in how many places people are off, and alike.
LEAST_PLACES, MOST_PLACES = 4, 20
LEAST_POSES, MOST_POSES = 2, 15  # in one place
# Children look like adults farther off, who would stand below the floor: only who is tall counts
# there.
TALL_M = 1.65
SURE = 0.9  # of the sound
# So high above the floor soles seem to be by sound alone: 0.06 from person to person, of 13 on as
# many simulated evenings.
SOLE_M = 0.06
WRONG_M = 0.18
AGREE = 0.8  # share of the places that are off the same way, by half of that


class CameraHeight:
    """Call it with poses now and then; `problem` is there while people stand off the floor."""

    def __init__(self, camera: Camera) -> None:
        """camera: without a height nothing is judged."""
        self._camera = camera
        self._places = Places(_Place, MOST_PLACES)
        self.problem: Problem | None = None

    def __call__(self, poses: Iterable[LiftedPose]) -> Problem | None:
        """The problem, where there is one now. poses: lifted without the camera's height; also of
        people who do not count as present, for where it is wrong nobody is heard where they seem
        to be.
        """
        for pose in poses:
            heard = pose.scale_source == "sound" and pose.sound_confidence >= SURE
            sole = self._sole(pose) if heard else None
            if sole is not None:
                self._places.at("sole", sole[:2]).soles.append(float(sole[2]))
                self._judge()
        return self.problem

    def _sole(self, pose: LiftedPose) -> Array | None:
        """Where somebody is on their feet, and their soles' height (3,) [m], room frame; None of
        others.
        """
        if self._camera.height_m is None:
            return None
        standing_m = standing_height(pose.joints, pose.confidence)
        body = measure(self._camera.to_room(pose.joints), pose.confidence, 0.0)
        m = body.measures
        sole_m = sole_on_feet(m.hip, m.foot, m.upright, standing_m)
        if sole_m is None or (sole_m < SOLE_M and standing_m < TALL_M):
            return None
        return np.array([*body.place, sole_m - SOLE_M])

    def _judge(self) -> None:
        known = [np.median(p.soles) for p in self._places if p.periods >= LEAST_POSES]
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

    def __init__(self, kind: str, where: Array) -> None:
        self.kind, self.where = kind, where
        self.soles: deque[float] = deque(maxlen=MOST_POSES)

    @property
    def periods(self) -> int:
        return len(self.soles)
