"""Who is who: the people of each image joined to those of the images before.

A track predicts where its body is now [m]. Every joint found in the image is compared with the
projection of the predicted one, in metres at the predicted distance: how far the whole body is off
sideways, how much nearer or farther its size puts it, how different its pose is. Each has a 1-sigma
that grows while the person is not seen, and together they are one negative log likelihood; the
assignment with the least sum is taken. No appearance is stored.

Somebody new gets a number once seen in LEAST_IMAGES over CONFIRM_S; who is not seen keeps it for
LOST_S.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.behaviour.track import Track, rough_joints
from edge.core.arrays import Array
from edge.core.pose import N_JOINTS, Keypoints
from edge.core.rig import Camera, seen_joints, seen_rays

# A false box lasts for one image.
LEAST_IMAGES, CONFIRM_S = 2, 0.08
UNCONFIRMED_S = 0.5  # a newcomer not seen for so long was nobody
LOST_S = 3.3  # an occlusion of 3 s and a few images of half a body at its ends
REMEMBERED_S = 10.0  # that a track is over
LEFT_S = 1.0  # walked out of the image: soon somebody else may come in there
# 1-sigma of the prediction [m] for the next image, and what each second without a sight adds.
SIDEWAYS_M, SIDEWAYS_M_S = 0.06, 0.7
DEPTH_M, DEPTH_M_S = 0.2, 0.8
POSE_M, POSE_M_S, MOST_POSE_M = 0.15, 0.4, 0.35
# Of Student's t, for errors are now and then large: who falls towards the camera looks much smaller
# from one image to the next.
FREEDOM = 3.0
REACH_M, REACH_M_S = 0.6, 2.5  # nobody gets farther from where they were predicted
# Negative log likelihood of somebody who was not there before, and what is added for a track that
# may be nobody.
NEW, UNCONFIRMED = 15.0, 1.0
# Two bodies whose joints are so near each other for so long are one person, tracked twice.
SAME_M, SAME_S = 0.25, 0.5
# So near each other in the image (sideways, in depth by size, in pose) they are one at once.
SAME_SHOWN_M = np.array([0.15, 0.3, 0.15])
LEAST_JOINTS = 2  # in common, to compare bodies joint by joint
_NEAREST_M = 0.2  # no joint is projected that is nearer to the camera's plane


class Tracks:
    """The people of one camera. Call it with each image's people; the numbers of a run go on."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._focal = 0.5 * (camera.fx + camera.fy)
        self._first_ns: int | None = None
        self._t_s = -np.inf
        self._given = 0
        self.tracks: list[Track] = []
        self._over_s: dict[int, float] = {}  # when tracks have ended whose people are not hidden

    def forget(self) -> None:
        """Nobody is known any longer, as after the camera was opened again."""
        self.tracks, self._t_s = [], -np.inf
        self._over_s = {}

    def __call__(self, people: Sequence[Keypoints], t_ns: int) -> list[Track]:
        """The track (new ones included) of each of an image's people, in their order.

        t_ns: of the image. After a step back in time everybody is new.
        """
        # Counted from the first image, so that a replay is the same at any time of the clock.
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        t_s = (t_ns - self._first_ns) * 1e-9
        if t_s <= self._t_s:
            self.forget()
        self._t_s = t_s
        self._forget_the_over(t_s)
        found = self._assign(people, t_s)
        for keypoints, track in zip(people, found, strict=True):
            track.see(self._moved(track, keypoints, t_s), t_s)
        known = {id(t) for t in self.tracks}
        self.tracks += [t for t in found if id(t) not in known]
        self._merge(t_s)
        for track, keypoints in zip(found, people, strict=True):
            self._confirm(track, keypoints, t_s)
        return found

    @property
    def gone(self) -> frozenset[int]:
        """Numbers of those who cannot be hidden in the newest image: they have walked out of it,
        or were found to be somebody else.
        """
        t_s = self._t_s
        unseen = [t for t in self.tracks if t.confirmed and t.seen_s < t_s]
        out = [t.id for t in unseen if self._outside(t.predicted(t_s))]
        return frozenset([*self._over_s, *out])

    def _forget_the_over(self, t_s: float) -> None:
        """End tracks that are over; their numbers are remembered for a while."""
        self._over_s = {i: s for i, s in self._over_s.items() if t_s - s < REMEMBERED_S}
        left = []
        for track in self.tracks:
            if not self._is_over(track, t_s):
                left.append(track)
            elif track.confirmed:
                self._over_s[track.id] = t_s
        self.tracks = left

    def _is_over(self, track: Track, t_s: float) -> bool:
        unseen_s = t_s - track.seen_s
        if not track.confirmed:
            return unseen_s > UNCONFIRMED_S
        return unseen_s > LOST_S or (unseen_s > LEFT_S and self._outside(track.predicted(t_s)))

    def _outside(self, joints: Array) -> bool:
        """Whether a body's middle is out of the image, or half of it beyond one side."""
        known = joints[np.isfinite(joints).all(axis=1)]
        middle = known.mean(axis=0) if len(known) else np.zeros(3)
        if middle[2] < _NEAREST_M:
            return True
        u, v = self._camera.project(middle)
        if not (0.0 <= u < self._camera.width and 0.0 <= v < self._camera.height):
            return True
        across = self._camera.project(known[known[:, 2] > _NEAREST_M])[:, 0]
        beyond = max((across < 0.0).mean(), (across >= self._camera.width).mean())
        return bool(beyond > 0.5)

    def _assign(self, people: Sequence[Keypoints], t_s: float) -> list[Track]:
        """The best of all joint assignments; who fits no track gets a new one."""
        old, new = len(self.tracks), len(people)
        cost = np.full((new, old + new), np.inf)
        for column, track in enumerate(self.tracks):
            predicted = track.predicted(t_s)
            for row, keypoints in enumerate(people):
                cost[row, column] = self._cost(track, predicted, keypoints, t_s)
        cost[np.arange(new), old + np.arange(new)] = NEW
        # Impossible pairs must stay worse than any sum of possible ones.
        _, columns = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6))
        return [
            self.tracks[column]
            if column < old
            else Track(0, rough_joints(keypoints, self._camera), t_s)
            for keypoints, column in zip(people, columns, strict=True)
        ]

    def _cost(self, track: Track, predicted: Array, keypoints: Keypoints, t_s: float) -> float:
        """Negative log likelihood that these joints are the track's; inf where it cannot be."""
        dt_s = t_s - track.seen_s
        off = self._differences(predicted, keypoints)
        if not off[0] <= REACH_M + REACH_M_S * dt_s:
            return float("inf")
        least = np.array([SIDEWAYS_M, DEPTH_M, POSE_M])
        sigma = np.hypot(least, np.array([SIDEWAYS_M_S, DEPTH_M_S, POSE_M_S]) * dt_s)
        sigma[2] = min(sigma[2], MOST_POSE_M)
        surprise = 0.5 * (FREEDOM + 1.0) * np.log1p((off / sigma) ** 2 / FREEDOM)
        axes = np.array([2.0, 1.0, 1.0])  # sideways is two of them
        likely = float(surprise.sum() + axes @ np.log(sigma / least))
        return likely + (0.0 if track.confirmed else UNCONFIRMED)

    def _differences(self, predicted: Array, keypoints: Keypoints) -> Array:
        """Between a predicted body (15, 3) and joints in the image: sideways, in depth by size, in
        pose (3,) [m].
        """
        ahead = np.isfinite(predicted).all(axis=1) & (np.nan_to_num(predicted[:, 2]) > _NEAREST_M)
        seen = seen_joints(keypoints.pixels[:N_JOINTS], self._camera)
        if not ahead.any() or not seen.any():
            return np.full(3, np.inf)
        found = keypoints.pixels[:N_JOINTS, :2]
        expected = np.full((N_JOINTS, 2), np.nan)
        expected[ahead] = self._camera.project(predicted[ahead])
        z = float(np.median(predicted[ahead, 2]))
        scale = z / self._focal  # metres per pixel
        both = ahead & seen
        if both.sum() < LEAST_JOINTS:
            middle = found[seen].mean(axis=0) - expected[ahead].mean(axis=0)
            return np.array([float(np.hypot(*middle)) * scale, 0.0, MOST_POSE_M])
        a, b = expected[both], found[both]
        sideways = float(np.hypot(*np.median(b - a, axis=0))) * scale
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        spread = np.sqrt((a**2).sum() / len(a)), np.sqrt((b**2).sum() / len(b))
        if min(spread) * scale < 0.05:
            return np.array([sideways, 0.0, POSE_M])
        ratio = float(spread[1] / spread[0])
        pose = np.sqrt(((b / ratio - a) ** 2).sum(axis=1).mean()) * scale
        return np.array([sideways, z * abs(float(np.log(ratio))), float(pose)])

    def _moved(self, track: Track, keypoints: Keypoints, t_s: float) -> Array:
        """The track's body (15, 3) at t_s as the image shows it: joints that are seen lie on their
        rays, at the depth that was predicted.
        """
        predicted = track.predicted(t_s)
        known = np.isfinite(predicted[:, 2])
        if not known.any():
            return rough_joints(keypoints, self._camera)
        rays, seen = seen_rays(keypoints.pixels[:N_JOINTS], self._camera)
        depth = np.where(known, predicted[:, 2], np.median(predicted[known, 2]))
        joints = predicted.copy()
        joints[seen] = rays[seen] * depth[seen, None]
        return joints

    def _merge(self, t_s: float) -> None:
        """Of two tracks that have long been one body keep the older, or the one that is seen."""
        confirmed = sorted((t for t in self.tracks if t.confirmed), key=lambda t: t.id)
        for k, older in enumerate(confirmed):
            for younger in confirmed[k + 1 :]:
                if younger.beside_for_s(older, self._one(older, younger, t_s), t_s) >= SAME_S:
                    lost = older if older.seen_s < younger.seen_s else younger
                    self._over_s[lost.id], lost.id = t_s, 0

    def _one(self, a: Track, b: Track, t_s: float) -> bool:
        """Whether both are the same body now."""
        apart = np.linalg.norm(a.predicted(t_s) - b.predicted(t_s), axis=1)
        return bool(np.isfinite(apart).any() and np.nanmedian(apart) < SAME_M)

    def _confirm(self, track: Track, keypoints: Keypoints, t_s: float) -> None:
        """Give a number to who has been seen long enough: the one of a person who was lost here, or
        a new one. Where somebody else is seen this is the same person, found twice.
        """
        if track.confirmed or track.images < LEAST_IMAGES or t_s - track.began_s < CONFIRM_S:
            return
        here = [t for t in self.tracks if t.confirmed and self._looks_like(t, keypoints, t_s)]
        if any(t.seen_s == t_s for t in here):
            return
        if here:
            track.id, here[0].id = here[0].id, 0
            return
        self._given += 1
        track.id = self._given

    def _looks_like(self, track: Track, keypoints: Keypoints, t_s: float) -> bool:
        """Whether these joints show the track's body once more."""
        return bool((self._differences(track.predicted(t_s), keypoints) < SAME_SHOWN_M).all())
