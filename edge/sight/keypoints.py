"""Frame -> 2D joints (25, 3) and a shape prior: BlazePose, following one person over time."""

from pathlib import Path
from typing import Literal

from edge.core.arrays import Array, Image
from edge.core.pose import Keypoints
from edge.sight.landmarks import LandmarkNetwork
from edge.sight.person_detector import (
    DetectedPerson,
    PersonDetector,
    Region,
    Window,
    search_windows,
    window_around,
)
from edge.sight.sides import Sides

# Another person must be this much more prominent than the followed one, so that two equals do not
# take turns.
_SWITCH = 1.3
_SURELY_PERSON = 0.8
_MAX_OTHERS = 3  # confirmed per look, which bounds its time


class BlazePose:
    """Finds people, follows the most prominent from frame to frame, and gives that one's joints.

    `Keypoints.pixels` are in pixels of the image given; their confidence is visibility times
    presence. `Keypoints.relative` is metres about the mid-hip, x right, y down, z away **along and
    across the ray to the middle of the person**, not the optical axis: BlazePose sees a crop and
    does not know where in the image it was. To bring it into the camera frame, turn it by the
    rotation that takes the optical axis to that ray.
    """

    def __init__(
        self,
        model_dir: Path,
        model: Literal["lite", "full"] = "full",
        threads: int = 2,
        min_confidence: float = 0.5,
        detect_every: int = 15,
        runtime: str = "",
    ) -> None:
        """model_dir: holds pose_detection.tflite and pose_landmark_{lite,full}.tflite.
        min_confidence: of the detection and of the landmark network's own flag, 0..1.

        detect_every: frames between looks at the whole image, which notice a more prominent person.
        Between them one search window after the other is searched for others, so that
        `Keypoints.people` (the followed one and the most others seen in one window) lags by some
        ten looks and is a lower bound. Raises ModelError. One instance per stream of images.
        """
        detector = model_dir / "pose_detection.tflite"
        landmarks = model_dir / f"pose_landmark_{model}.tflite"
        self._detector = PersonDetector(detector, threads, min_confidence, runtime)
        self._network = LandmarkNetwork(landmarks, threads, runtime)
        self._min_confidence, self._detect_every = min_confidence, detect_every
        self._windows = _WindowCycle()
        self._since_detection = 0
        # Of the followed person.
        self._region: Region | None = None
        self._pixels: Array | None = None
        self._presence = 0.0
        self._sides = Sides()
        self._people = 0  # in the whole image
        self._others: dict[Window, int] = {}  # beside the followed one, in each search window

    def __call__(self, image: Image) -> Keypoints | None:
        """Joints of the most prominent person in `image` (H, W, 3) uint8 RGB, or None."""
        if self._region is not None:
            self._since_detection += 1
            if self._since_detection % self._detect_every == 0:
                self._region = self._look_around(image, self._region)
            elif self._since_detection % self._detect_every == self._detect_every // 2:
                self._search_others(image)
            keypoints = self._follow(image, self._region)
            if keypoints is not None:
                return keypoints
            self._windows.lost, self._region = self._region, None
        return self._acquire(image)

    def _acquire(self, image: Image) -> Keypoints | None:
        """Look for people in the whole image, and in one search window if there are none."""
        people = self._detector(image) or self._detector(image, self._windows.next(image))
        self._since_detection = 0
        self._people = len(people)
        self._others.clear()
        self._sides = Sides()
        # A detection that the landmark network does not confirm was no person; two tries bound the
        # time for one frame.
        for person in people[:2]:
            keypoints = self._follow(image, person.region)
            if keypoints is not None:
                return keypoints
        return None

    def _look_around(self, image: Image, followed: Region) -> Region:
        """Count people; the region to follow from now on."""
        people = self._detector(image)
        same = [p for p in people if p.region.like(followed)]
        self._people = len(people) + (0 if same else 1)
        if not people or people[0] in same:
            return followed
        current = same[0] if same else DetectedPerson(self._presence, followed)
        if people[0].prominence < _SWITCH * current.prominence:
            return followed
        self._sides = Sides()
        self._others.clear()
        return people[0].region

    def _search_others(self, image: Image) -> None:
        """Count people in one window of the image with the followed one painted over: the detector
        hides all but the largest.
        """
        assert self._pixels is not None
        window = self._windows.next(image)
        low, high = self._pixels.min(0), self._pixels.max(0)
        margin = 0.08 * (high - low).max()
        x0, y0 = (low - margin).clip(0).astype(int)
        x1, y1 = (high + margin).clip(0).astype(int)
        rest = image.copy()
        rest[y0:y1, x0:x1] = 0
        found = self._detector(rest, window)[:_MAX_OTHERS]
        confirmed = [self._network.presence(rest, person.region) for person in found]
        self._others[window] = sum(presence > _SURELY_PERSON for presence in confirmed)

    def _follow(self, image: Image, region: Region) -> Keypoints | None:
        """The person in the region, whose landmarks tell where to look in the next frame."""
        found = self._network(image, region, self._min_confidence)
        if found is None:
            return None
        self._region, self._pixels, self._presence = found.region, found.pixels, found.presence
        joints, relative = self._sides.keep(found.joints, found.relative, found.region.side)
        people = max(self._people, 1 + max(self._others.values(), default=0))
        return Keypoints(joints, relative, people, found.presence)


class _WindowCycle:
    """Search windows, one after the other. lost: where somebody was just seen; it comes first."""

    def __init__(self) -> None:
        self.lost: Region | None = None
        self._tried = 0

    def next(self, image: Image) -> Window:
        """The window of `image` (H, W, 3) to search now."""
        height, width = image.shape[:2]
        if self.lost is not None:
            window, self.lost = window_around(self.lost, width, height), None
            return window
        windows = search_windows(width, height)
        self._tried += 1
        return windows[self._tried % len(windows)]
