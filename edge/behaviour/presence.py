"""Whether somebody who is seen is really in the room.

The image must show a person over time, and the lifted body must be one: its size, its limbs and its
motion. While there is sound whose empty room is known, the body must also be heard where it is
seen: what is seen and stays unheard is a picture, a screen, a mirror or a doll. Each period of
sound is evidence, added up as log odds; whoever was heard once stays present for the life of the
track. Where sound tells nothing (none, room unknown, body hidden behind another) image and
plausibility decide alone, until sound tells otherwise.
"""

from collections.abc import Sequence

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import MID_HIP, SEEN, Keypoints, LiftedPose, Presence
from edge.core.stature import BONE_RATIOS, standing_height

# Mean score of the image network below which what is seen is no person.
LEAST_SCORE = 0.3
SMOOTH_S = 0.7  # time constant of score and plausibility
# Image and plausibility decide after so long, where sound has told nothing for SILENT_S.
LOOK_S, SILENT_S = 0.3, 1.0
# Log odds of one period of sound: a sound_confidence of NEUTRAL tells nothing.
NEUTRAL = 0.2
LEAST_STEP, MOST_STEP = -0.7, 2.0
HEARD, UNHEARD = 2.0, -5.0
# A body of a person.
SIZE_M = (0.5, 2.3)
LIMB_FACTOR = 2.0  # each limb tells the size to within this factor
FASTEST_M_S = 7.0
FARTHEST_M = 12.0
LEAST_JOINTS = 5
# Who is behind another, seen within this distance of the line to them and this much farther away,
# may be hidden from the sound, too.
SHADOW_M, BEHIND_M = 0.35, 0.25


class PresenceJudge:
    """Follows one person."""

    def __init__(self) -> None:
        self._heard = False
        self._odds = 0.0
        self._began_s: float | None = None
        self._t_s = 0.0
        self._told_s: float | None = None  # when sound last told something
        self._score = self._plausible = 0.0
        self._place: Array | None = None
        self._present = False

    def __call__(self, keypoints: Keypoints, pose: LiftedPose, sound: bool, t_s: float) -> Presence:
        """What this image makes of the person. sound: whether a new period of sound, whose room is
        known, could tell of this body. t_s: later than before [s].
        """
        first = self._began_s is None
        dt_s = 0.0 if first else t_s - self._t_s
        plausible = float(self._is_plausible(pose, dt_s))
        if self._began_s is None:
            self._began_s, self._score, self._plausible = t_s, keypoints.score, plausible
        gain = 1.0 - np.exp(-dt_s / SMOOTH_S)
        self._score += gain * (keypoints.score - self._score)
        self._plausible += gain * (plausible - self._plausible)
        self._t_s, self._place = t_s, pose.joints[MID_HIP]
        if sound and np.isfinite(pose.sound_confidence):
            self._told_s = t_s
            step = _log_odds(pose.sound_confidence) - _log_odds(NEUTRAL)
            self._odds = float(np.clip(self._odds + np.clip(step, LEAST_STEP, MOST_STEP), -9, 9))
        if self._score < LEAST_SCORE or self._plausible < 0.5:
            return "unsure"
        if self._odds >= HEARD:
            self._heard = True
        if self._heard:
            return "present"
        if self._odds <= UNHEARD:
            self._present = False
            return "seen_only"
        untold_s = t_s - (self._began_s if self._told_s is None else self._told_s)
        since_s = LOOK_S if self._told_s is None else SILENT_S
        self._present |= untold_s >= since_s
        return "present" if self._present else "unsure"

    def _is_plausible(self, pose: LiftedPose, dt_s: float) -> bool:
        seen = pose.confidence >= SEEN
        if seen.sum() < LEAST_JOINTS or pose.mid_hip_distance_m > FARTHEST_M:
            return False
        joints = np.where(seen[:, None], pose.joints, np.nan)
        height = standing_height(joints)
        if np.isfinite(height) and not SIZE_M[0] <= height <= SIZE_M[1]:
            return False
        sizes = np.array([np.linalg.norm(joints[a] - joints[b]) / s for a, b, s in BONE_RATIOS])
        sizes = sizes[np.isfinite(sizes)]
        off = np.abs(np.log(np.maximum(sizes, 1e-3) / height)) if len(sizes) else np.zeros(0)
        if (off > np.log(LIMB_FACTOR)).mean() > 0.34 if len(off) else False:
            return False
        if self._place is None or dt_s <= 0.0:
            return True
        moved_m = float(np.linalg.norm(pose.joints[MID_HIP] - self._place))
        return moved_m <= FASTEST_M_S * dt_s + 3.0 * float(pose.sigma[MID_HIP])


def hidden(poses: Sequence[LiftedPose]) -> list[bool]:
    """Whether each body is behind another one, as seen from the sensor."""
    middles = [pose.joints[[1, MID_HIP]].mean(axis=0) for pose in poses]
    return [any(_shades(other, one) for other in middles if other is not one) for one in middles]


def _shades(near: Array, far: Array) -> bool:
    distance = float(np.linalg.norm(near))
    if np.linalg.norm(far) - distance < BEHIND_M:
        return False
    on_line = far * (distance / np.linalg.norm(far))
    return bool(np.linalg.norm(on_line - near) < SHADOW_M)


def _log_odds(p: float) -> float:
    q = float(np.clip(p, 0.01, 0.99))
    return float(np.log(q / (1.0 - q)))
