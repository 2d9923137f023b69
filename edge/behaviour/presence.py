"""Whether somebody who is seen is really in the room.

The image must show a person over time, and the lifted body must be one: its size, its limbs and its
motion. While there is sound whose empty room is known, the body must also be heard where it is
seen: what is seen and stays unheard is a picture, a screen, a mirror or a doll. Each period of
sound is evidence, added up as log odds; whoever was heard once stays present for the life of the
track. Where sound tells nothing (none, room unknown, too faint, masked by another's echo) image and
plausibility decide alone, until sound tells otherwise; farther away than the network tells people
from pictures they are unsure while there is sound. While sound comes in bursts it is not the time
that passes between them that counts, but how many there were.
"""

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from edge.core.arrays import Array
from edge.core.config.estimation import LifterKind
from edge.core.pose import MID_HIP, SEEN, Keypoints, LiftedPose, Presence
from edge.core.stature import limb_heights, standing_height
from edge.core.typed import Strict, convert, parse_json

log = logging.getLogger(__name__)

# Mean score of the image network below which what is seen is no person.
LEAST_SCORE = 0.3
SMOOTH_S = 0.7  # time constant of score and plausibility
# Image and plausibility decide where sound has told nothing for so long; for longer, where it has
# spoken for a picture by more than DOUBT.
LOOK_S, SILENT_S = 0.3, 1.0
# The same in bursts that tell nothing; and for so long without any, they decide as in silence.
LOOK_BURSTS, SILENT_BURSTS, NO_BURST_S = 2, 4, 5.0
# A burst of many periods is better evidence than one period, but its periods are not independent.
MOST_WEIGHT = 1.5
# Log odds of one period of sound (`SoundEvidence`). Periods are not independent, hence the bounds.
LEAST_STEP, MOST_STEP = -0.7, 1.0
HEARD, DOUBT, UNHEARD = 2.0, -2.5, -5.0
AUDIBLE_DB = 6.0  # an echo that should rise above the noise by less may not be heard
# A body of a person.
SIZE_M = (0.5, 2.3)
LIMB_FACTOR = 2.0  # each limb tells the size to within this factor, ...
MOST_ODD_LIMBS = 0.34  # ... but for this share of them
FASTEST_M_S = 7.0
FARTHEST_M = 12.0
LEAST_JOINTS = 5
BESIDE_M = 0.3  # two echoes whose ways differ by less come together
_MODELS = Path(str(resources.files("edge") / "models"))


class SoundEvidence(Strict, frozen=True):
    """What a network's sound_confidence tells of somebody being there: a straight line of its log
    odds for each distance and expected echo over noise. `posekernel-export fit-presence` fits it to
    simulated people and pictures; each network has its own.

    network: SHA-256 of the lifter (int8). command: that made this. distances_m (D,),
    over_noise_db (E,): between two rows, two columns. offset, slope: (D + 1, E + 1).
    """

    network: str
    command: str
    distances_m: tuple[float, ...]
    over_noise_db: tuple[float, ...]
    offset: tuple[tuple[float, ...], ...]
    slope: tuple[tuple[float, ...], ...]

    def told(self, confidence: float, distance_m: float, over_noise_db: float) -> float:
        """Log likelihood ratio of being there to being a picture; 0 where the two sound alike."""
        row = bisect_right(self.distances_m, distance_m)
        column = bisect_right(self.over_noise_db, over_noise_db)
        return self.offset[row][column] + self.slope[row][column] * log_odds(confidence)

    def reaches(self, distance_m: float) -> bool:
        """Whether anybody at this distance can be told from a picture, however loud the echo."""
        return any(self.slope[bisect_right(self.distances_m, distance_m)])


def evidence_file(kind: LifterKind) -> Path:
    """Where the evidence of a lifter lies."""
    return _MODELS / f"presence_{kind}.json"


@cache
def load_evidence(kind: LifterKind) -> SoundEvidence | None:
    """The evidence of a lifter that ships; None of one whose sound tells people from pictures in
    no known way.
    """
    if kind == "geometric":
        return None
    path = evidence_file(kind)
    if not path.exists():  # a new network
        log.warning("%s is missing: pictures of people may count as people", path)
        return None
    return convert(parse_json(path.read_bytes()), SoundEvidence)


@dataclass(frozen=True, slots=True)
class Echo:
    """What a new period or burst of sound tells of one body.

    over_noise_db: how far its echo should rise above the noise; -inf for a body that is masked.
    confidence: 0..1 that it is there, NaN where the lifter cannot tell. periods: it lasted.
    """

    over_noise_db: float
    confidence: float
    periods: int = 1


class PresenceJudge:
    """Follows one person. heard: once, for good."""

    def __init__(self, evidence: SoundEvidence | None) -> None:
        """evidence: of the lifter whose poses these are; None: its sound tells nothing."""
        self.heard = False
        self._evidence = evidence
        self._odds = 0.0
        self._began_s: float | None = None
        self._t_s = 0.0
        self._told_s: float | None = None  # when sound last told something
        self._untold = self._bursts = 0  # bursts since then, and all
        self._images = 0
        self._score = self._plausible = 0.0
        self._place: Array | None = None
        self._present = False  # by the image alone

    def __call__(
        self,
        keypoints: Keypoints,
        pose: LiftedPose,
        echo: Echo | None,
        t_s: float,
        *,
        in_bursts: bool = False,
    ) -> Presence:
        """What this image makes of the person.

        echo: of a new period of sound whose room is known, None without one. t_s: later than before
        [s]. in_bursts: sound comes now and then.
        """
        self._began_s = t_s if self._began_s is None else self._began_s
        dt_s = t_s - self._t_s if self._images else 0.0
        self._images += 1
        gain = max(1.0 - np.exp(-dt_s / SMOOTH_S), 1.0 / self._images)  # at first the mean
        self._score += gain * (keypoints.score - self._score)
        self._plausible += gain * (self._is_plausible(pose, dt_s) - self._plausible)
        self._t_s, self._place = t_s, pose.joints[MID_HIP]
        if echo is not None:
            self._listen(echo, pose.mid_hip_distance_m, t_s)
        is_person = self._score >= LEAST_SCORE and self._plausible > 0.5
        self.heard |= is_person and self._odds >= HEARD
        if self.heard:
            return "present"
        if self._odds <= UNHEARD:
            self._present = False
            return "seen_only"
        self._present |= is_person and self._image_decides(t_s, in_bursts)
        return "present" if self._present else "unsure"

    def _image_decides(self, t_s: float, in_bursts: bool) -> bool:
        """Whether sound has told nothing for long enough."""
        assert self._began_s is not None
        if in_bursts and (self._bursts or t_s - self._began_s < NO_BURST_S):
            return self._untold >= (LOOK_BURSTS if self._odds > DOUBT else SILENT_BURSTS)
        untold_s = t_s - (self._began_s if self._told_s is None else self._told_s)
        return untold_s >= (LOOK_S if self._odds > DOUBT else SILENT_S)

    def _listen(self, echo: Echo, distance_m: float, t_s: float) -> None:
        """Take one period's evidence."""
        self._bursts += 1
        self._untold += 1
        if self._evidence is None or np.isnan(echo.over_noise_db + echo.confidence):
            return
        at = distance_m, echo.over_noise_db
        if not self._evidence.reaches(distance_m):
            # A picture shows people smaller than a room does: they look far away. The image alone
            # must not let them in while there is sound, as long as they come no nearer.
            self._told_s, self._untold = t_s, 0
            return
        told = self._evidence.told(echo.confidence, *at)
        step = float(np.clip(told, LEAST_STEP, MOST_STEP))
        # No sign of nobody where people are not heard, either.
        missed = echo.over_noise_db >= AUDIBLE_DB and self._evidence.told(0.0, *at) <= LEAST_STEP
        if step > 0.0 or missed:
            self._told_s, self._untold = t_s, 0
            step *= min(float(np.sqrt(echo.periods)), MOST_WEIGHT)
            self._odds = min(max(self._odds + step, -9.0), 9.0)

    def _is_plausible(self, pose: LiftedPose, dt_s: float) -> bool:
        seen = pose.confidence >= SEEN
        if seen.sum() < LEAST_JOINTS or pose.mid_hip_distance_m > FARTHEST_M:
            return False
        joints = np.where(seen[:, None], pose.joints, np.nan)
        height = standing_height(joints)
        if np.isfinite(height) and not SIZE_M[0] <= height <= SIZE_M[1]:
            return False
        sizes = limb_heights(joints)
        sizes = sizes[np.isfinite(sizes)]
        off = np.abs(np.log(np.maximum(sizes, 1e-3) / height)) if len(sizes) else np.zeros(0)
        if len(off) and (off > np.log(LIMB_FACTOR)).mean() > MOST_ODD_LIMBS:
            return False
        if self._place is None or dt_s <= 0.0:
            return True
        moved_m = float(np.linalg.norm(pose.joints[MID_HIP] - self._place))
        return moved_m <= FASTEST_M_S * dt_s + 3.0 * float(pose.sigma[MID_HIP])


def masked(distances_m: Sequence[float], heard: Sequence[bool]) -> list[bool]:
    """Whether the echo of each body comes with, or after, that of another one who was heard: what
    the room does with the earlier echo lasts longer than the later one, so that only the first can
    be missed for sure. distances_m: from the sensor [m].
    """
    pairs = list(zip(distances_m, heard, strict=True))
    return [
        any(h and d < own + BESIDE_M for j, (d, h) in enumerate(pairs) if j != i)
        for i, own in enumerate(distances_m)
    ]


def log_odds(p: float) -> float:
    """Of a probability, at most those of 1 to 99."""
    q = float(np.clip(p, 0.01, 0.99))
    return float(np.log(q / (1.0 - q)))
