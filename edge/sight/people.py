"""Image -> the 2D joints of everybody in it."""

from pathlib import Path

import numpy as np

from edge.core.arrays import Array, Image
from edge.core.pose import SEEN, Keypoints
from edge.sight.movenet import Candidate, MultiPose, Thunder, Window, to_body25
from edge.sight.overlap import Found, resolved
from edge.sight.steady import Steadiness, is_followed

MOST = 6  # people in one image
# For images higher than wide, for others, and for one person.
FILES = tuple(
    f"movenet_{network}_int8.tflite"
    for network in ("multipose_256x160", "multipose_192x256", "thunder")
)
# Measured on real frames: together these kept 120 of 121 people and none of 4 false ones.
_MIN_SCORE, _MIN_MEAN = 0.15, 0.30
# Side of Thunder's window over the longer side of the person: with 1.4 and more it takes the
# limbs, or all, of another person nearby.
_MARGIN = 1.2
_SURE = 0.1  # joints of a lower score are left out of the window
_HIPS, _LEGS = [11, 12], [13, 14, 15, 16]  # of COCO; knees and ankles
_REMEMBERED = 24  # images in which a person may be missed in the whole image
# Column and row, 0..1, of the parts of an image that are looked at closer, each half as wide and
# high as the image.
_PARTS = tuple((c, r) for r in (0.5, 0.0, 1.0) for c in (0.5, 0.0, 1.0))


class PeopleFinder:
    """Finds people in an image and each one's joints.

    MultiPose finds the people, Thunder the joints of each in a crop of its own. Every
    `look_every`-th image MultiPose also looks closer at one part of the image after the other, for
    people too far away to be found in the whole. Where somebody was and is missed, Thunder looks
    again. While nothing changes, MultiPose skips every second image (steady.py), and Thunder
    looks where the people of the last one were. Nothing else is kept from image to image, and no
    identities.
    """

    def __init__(
        self, models: Path, threads: int = 2, runtime: str = "", look_every: int = 8
    ) -> None:
        """models: the folder of the .tflite files. look_every: 0 = each image by itself, for images
        that do not follow each other. One instance per stream of images. Raises ModelError.
        """
        upright, across, one = (models / name for name in FILES)
        self._upright = MultiPose(upright, threads, runtime)
        self._across = MultiPose(across, threads, runtime)
        self._thunder = Thunder(one, threads, runtime)
        self._look_every = look_every
        self._images = self._looks = 0
        self._people: list[Found] = []  # in the last image
        self._steady = Steadiness()

    def __call__(self, image: Image, t_ns: int | None = None) -> list[Keypoints]:
        """Everybody in `image` (H, W, 3) uint8 RGB, the most prominent first; [] = nobody.

        A joint's confidence is the geometric mean of both networks' scores, MultiPose's of the last
        image where it skips this one; they agree only on what can be seen. 0 outside the image
        and where another person's limb is. t_ns: when it was taken; None: MultiPose looks at it.
        """
        self._images += 1
        people = self._followed(image, t_ns)
        skipped = people is not None
        if people is None:
            people = self._found(image)
        self._steady.note(image, t_ns, people, skipped=skipped)
        self._people = people if self._look_every else []
        return [_keypoints(p, image) for p in sorted(people, key=_prominence, reverse=True)]

    def _followed(self, image: Image, t_ns: int | None) -> list[Found] | None:
        """Those of the last image, by Thunder alone; None where MultiPose must look."""
        last = self._people
        if (
            not self._look_every
            or self._closer_look_is_due
            or not self._steady.may_skip(image, t_ns, last)
        ):
            return None
        people = []
        for person in last:
            joints = self._thunder(image, _around(person.joints))
            # Where they were in the last image, and as surely as MultiPose saw them there.
            prior = np.column_stack([person.joints[:, :2], person.prior[:, 2]])
            people.append(Found(joints, prior))
        people = resolved(people)
        if len(people) < len(last) or not all(map(is_followed, last, people)):
            return None
        return people

    def _found(self, image: Image) -> list[Found]:
        """By both networks."""
        found = []
        for window, prior, missed in self._windows(image)[:MOST]:
            joints = self._thunder(image, window)
            if joints[:, 2].mean() >= _MIN_MEAN:
                found.append(Found(joints, prior, missed))
        return resolved(found)

    @property
    def _closer_look_is_due(self) -> bool:
        return bool(self._look_every) and self._images % self._look_every == 0

    def _windows(self, image: Image) -> list[tuple[Window, Array, int]]:
        """Where to look for people's joints: the windows, with MultiPose's joints (17, 3), or the
        last image's where it found nobody now, and the images since it did. Those it found come
        first.
        """
        height, width = image.shape[:2]
        candidates = self._look(image, Window(0, 0, width, height))
        windows: list[tuple[Window, Array, int]] = [
            (_around(c.joints, c.box), c.joints, 0) for c in candidates
        ]
        windows.sort(key=lambda w: -w[0].width)
        if self._closer_look_is_due:
            for c in self._look(image, self._next_part(width, height)):
                window = _around(c.joints, c.box)
                if not any(window.like(other) for other, *_ in windows):
                    windows.append((window, c.joints, 0))
        for p in self._people:
            window = _around(p.joints)
            if p.missed < _REMEMBERED and not any(window.like(other) for other, *_ in windows):
                windows.append((window, p.joints, p.missed + 1))
        return windows

    def _look(self, image: Image, window: Window) -> list[Candidate]:
        network = self._upright if window.height > window.width else self._across
        return network(image, window, _MIN_SCORE)

    def _next_part(self, width: int, height: int) -> Window:
        """The part of an image to look closer at now; the middle ones, as far people are there,
        come first.
        """
        column, row = _PARTS[self._looks % len(_PARTS)]
        self._looks += 1
        w, h = width // 2, height // 2
        return Window(round(column * (width - w)), round(row * (height - h)), w, h)


def _around(joints: Array, box: Array | None = None) -> Window:
    """The square in which Thunder should look for a person with these joints (17, 3) and box (2, 2)
    [px].
    """
    points = joints[joints[:, 2] > _SURE, :2]
    if box is not None or len(points) < 2:
        points = np.vstack([points, joints[:, :2] if box is None else box])
    low, high = points.min(0), points.max(0)
    x, y = (low + high) / 2
    return Window.square(x, y, _MARGIN * max(high - low))


def _prominence(person: Found) -> float:
    return float(person.joints[:, 2].mean()) * person.size


def _keypoints(person: Found, image: Image) -> Keypoints:
    height, width = image.shape[:2]
    joints = person.joints.copy()
    u, v = joints[:, 0], joints[:, 1]
    if not person.missed:
        joints[:, 2] = np.sqrt(joints[:, 2] * person.prior[:, 2])
    joints[(u < 0) | (u > width - 1) | (v < 0) | (v > height - 1), 2] = 0.0
    if joints[_LEGS, 2].max() < SEEN:  # then hips are often guessed, at the edge of what hides them
        joints[_HIPS, 2] *= 0.5
    return Keypoints(to_body25(joints), float(person.joints[:, 2].mean()))
