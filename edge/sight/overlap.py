"""Two people who overlap in the image: one found twice, or one's limbs taken for the other's."""

from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array

# Distances below are in sizes of the smaller person.
_SAME = 0.08  # median distance of two people's joints: one person, as Thunder finds everybody
_SAME_ROUGHLY = 0.15  # the same, against MultiPose's joints
_SHARED = 0.04  # one limb that two people claim
# Right and left of COCO's shoulders, elbows, wrists, hips, knees, ankles.
_LIMBS = ((6, 5), (8, 7), (10, 9), (12, 11), (14, 13), (16, 15))


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """One person. joints: (17, 3) u, v [px], score, by Thunder. rough: the same by MultiPose, None
    where it did not find this person in this image. missed: images since it last did.
    """

    joints: Array
    rough: Array | None
    missed: int = 0

    @property
    def size(self) -> float:
        """Longer side of the box around all joints [px]."""
        return float(np.ptp(self.joints[:, :2], axis=0).max())

    def off(self, place: Array) -> float:
        """How far joints (K, 2) [px] are from where MultiPose has this person's, in sizes."""
        if self.rough is None:
            return float("inf")
        return _apart(place, self.rough[:, :2]) / max(self.size, 1.0)


def resolved(people: list[Found]) -> list[Found]:
    """Each person once, and each limb one person's: the other's has score 0.

    A person whom Thunder took for another keeps MultiPose's joints.
    """
    kept: list[Found] = []
    for person in people:
        twin = next((k for k in kept if _same(person, k)), None)
        if twin is not None:
            taken = twin.joints[:, :2]
            if person.off(taken) < twin.off(taken):
                kept[kept.index(twin)], person = person, twin
            if person.rough is None or person.off(taken) < _SAME_ROUGHLY:
                continue
            person = replace(person, joints=person.rough)
        kept.append(person)
    joints = [p.joints.copy() for p in kept]
    for k, a in enumerate(kept):
        for j in range(k):
            _share(a, kept[j], joints[k], joints[j])
    return [replace(p, joints=own) for p, own in zip(kept, joints, strict=True)]


def _apart(a: Array, b: Array) -> float:
    return float(np.median(np.linalg.norm(a - b, axis=1)))


def _same(a: Found, b: Found) -> bool:
    return _apart(a.joints[:, :2], b.joints[:, :2]) < _SAME * min(a.size, b.size)


def _share(a: Found, b: Found, of_a: Array, of_b: Array) -> None:
    """Takes limbs that both claim from the one whose MultiPose joint is farther off."""
    near = _SHARED * min(a.size, b.size)
    for limb in _LIMBS:
        for i in limb:
            for j in limb:
                if np.hypot(*(a.joints[i, :2] - b.joints[j, :2])) < near:
                    if _limb_off(a, i) < _limb_off(b, j):
                        of_b[j, 2] = 0.0
                    else:
                        of_a[i, 2] = 0.0


def _limb_off(person: Found, joint: int) -> float:
    if person.rough is None:
        return float("inf")
    off = person.joints[joint, :2] - person.rough[joint, :2]
    return float(np.hypot(*off)) / max(person.size, 1.0)
