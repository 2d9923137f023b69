"""Two people who overlap in the image: one found twice, or one's limbs taken for the other's."""

from dataclasses import dataclass, replace

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import SEEN

# Distances are in sizes of the person.
_SAME = 0.08  # median distance of two people's joints: one person found twice
_OFF = 0.08  # a joint this far from its prior may be another person's
_SHARED = 0.04  # one joint that two people claim
_LEAST_SEEN = 4  # joints that must be left of somebody
# The joints that may be taken for each joint: COCO's other side, too.
_OTHER_SIDE = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15])


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """One person. joints: (17, 3) u, v [px], score, by Thunder. prior: the same as MultiPose has
    them, or from the last image where it missed this person. missed: images since it did not.
    """

    joints: Array
    prior: Array
    missed: int = 0

    @property
    def size(self) -> float:
        """Longer side of the box around all joints [px]."""
        return max(1.0, float(np.ptp(self.joints[:, :2], axis=0).max()))


def resolved(people: list[Found]) -> list[Found]:
    """Each person once and each limb one person's, as the priors tell.

    Where Thunder took another person's joint, it is the prior's, or hidden (score 0) where that is
    not of this image. people: the more certain first.
    """
    owned = [_own(p, [o for o in people if o is not p]) for p in people]
    kept: list[Found] = []
    for person in owned:
        if (person.joints[:, 2] >= SEEN).sum() >= _LEAST_SEEN and not any(
            _same(person, other) for other in kept
        ):
            kept.append(person)
    shared = [p.joints.copy() for p in kept]
    for k, a in enumerate(kept):
        for j, b in enumerate(kept[:k]):
            _share(a, b, shared[k], shared[j])
    return [replace(p, joints=own) for p, own in zip(kept, shared, strict=True)]


def _own(person: Found, others: list[Found]) -> Found:
    """The person without the joints that lie nearer to another's prior than to the own."""
    if not others:
        return person
    at = person.joints[:, :2]
    priors = np.concatenate([(o.prior, o.prior[_OTHER_SIDE]) for o in others])
    off = np.linalg.norm(at - person.prior[:, :2], axis=1)
    nearest = np.linalg.norm(at - priors[:, :, :2], axis=2).min(axis=0)
    taken = (off > _OFF * person.size) & (nearest < off)
    joints = person.joints.copy()
    if person.missed:
        joints[taken, 2] = 0.0
    else:
        joints[taken] = person.prior[taken]
    return replace(person, joints=joints)


def _same(a: Found, b: Found) -> bool:
    seen = (a.joints[:, 2] >= SEEN) & (b.joints[:, 2] >= SEEN)
    if seen.sum() < _LEAST_SEEN:
        seen[:] = True
    apart = np.linalg.norm(a.joints[seen, :2] - b.joints[seen, :2], axis=1)
    return bool(np.median(apart) < _SAME * max(a.size, b.size))


def _share(a: Found, b: Found, of_a: Array, of_b: Array) -> None:
    """Hides a joint that both have at one place for the one whose prior is farther off."""
    near = _SHARED * min(a.size, b.size)
    for i, other_side in enumerate(_OTHER_SIDE):
        for j in {i, int(other_side)}:
            if np.hypot(*(a.joints[i, :2] - b.joints[j, :2])) < near:
                if _off(a, i) < _off(b, j):
                    of_b[j, 2] = 0.0
                else:
                    of_a[i, 2] = 0.0


def _off(person: Found, joint: int) -> float:
    return float(np.hypot(*(person.joints[joint, :2] - person.prior[joint, :2]))) / person.size
