"""Whether an image may go without MultiPose: it shows what the last one did."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from edge.core.arrays import BoolArray, Image
from edge.core.pose import SEEN
from edge.sight.overlap import Found
from edge.sight.shrinking import shrunk

# Images farther apart are all looked at: whoever comes in is found within 0.1 s and a little.
LONGEST_S = 0.11
# For so many images the same people were found. With fewer, who comes out from behind somebody is
# missed for longer.
STEADY_IMAGES = 10
_APART = 0.05  # boxes around joints do not meet when so much wider on each side, in sizes of people
# Thunder follows a person where its mean score is at least this share of the last, and the joints
# have moved by at most so much (median, in sizes of the person).
_SCORE, _MOVED = 0.85, 0.12
_LEAST_SEEN = 4  # joints, in both images
# An empty room has changed where any of so many cells across and down is brighter or darker by so
# much (0..255): more than a camera's noise, less than a person. Where that fails, somebody is found
# one image later, or MultiPose looks in vain.
_CELLS, _CHANGED = 32, 6.0


class Steadiness:
    """Told of every image in turn. At most every second one goes without MultiPose."""

    def __init__(self) -> None:
        self._skipped = False
        self._t_ns: int | None = None
        self._images = self._people = 0
        self._empty: Image | None = None  # the last image, small, where nobody was found

    def may_skip(self, image: Image, t_ns: int | None, people: Sequence[Found]) -> bool:
        """Whether MultiPose may skip `image`. people: of the last one. t_ns: None where the time of
        the image is not known.
        """
        if self._skipped or self._images < STEADY_IMAGES or t_ns is None or self._t_ns is None:
            return False
        if not 0 < t_ns - self._t_ns <= LONGEST_S * 1e9:
            return False
        if people:
            return all(_are_apart(a, b) for a, b in combinations(people, 2))
        if self._empty is None:
            return False
        change = _cells(image).astype(np.int16) - self._empty
        return bool(np.abs(change).max() < _CHANGED)

    def note(
        self, image: Image, t_ns: int | None, people: Sequence[Found], *, skipped: bool
    ) -> None:
        """What was found in an image."""
        same = len(people) == self._people and not any(p.missed for p in people)
        self._images = self._images + 1 if same else 0
        self._skipped, self._t_ns, self._people = skipped, t_ns, len(people)
        if people or t_ns is None:
            self._empty = None
        elif not skipped:
            self._empty = _cells(image)


def is_followed(before: Found, now: Found) -> bool:
    """Whether Thunder has found the same person again."""
    seen: BoolArray = (before.joints[:, 2] >= SEEN) & (now.joints[:, 2] >= SEEN)
    if seen.sum() < _LEAST_SEEN:
        return False
    if now.joints[:, 2].mean() < _SCORE * before.joints[:, 2].mean():
        return False
    moved = np.linalg.norm(now.joints[seen, :2] - before.joints[seen, :2], axis=1)
    return bool(np.median(moved) <= _MOVED * before.size)


def _are_apart(a: Found, b: Found) -> bool:
    (a_low, a_high), (b_low, b_high) = _box(a), _box(b)
    return bool((a_low > b_high).any() or (b_low > a_high).any())


def _box(person: Found) -> tuple[np.ndarray, np.ndarray]:
    at, margin = person.joints[:, :2], _APART * person.size
    return at.min(axis=0) - margin, at.max(axis=0) + margin


def _cells(image: Image) -> Image:
    return shrunk(image, _CELLS, _CELLS)
