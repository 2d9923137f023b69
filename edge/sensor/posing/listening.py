"""With which sound each person is lifted while the loudspeaker only sounds now and then.

Who keeps still is lifted with the mean of all bursts since they did; who moves, with the newest one
as long as they cannot have got far since. Between bursts that leaves most who walk without sound:
the size that earlier bursts have found (behaviour/size) places them.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.behaviour.people import People, Sight
from edge.behaviour.track import Track
from edge.core.arrays import Array, FloatArray
from edge.core.pose import Presence
from edge.core.rig import Rig
from edge.sensor.empty_room import Sights
from edge.sensor.posing.shares import Share
from edge.sound.averaging import KernelMean
from edge.sound.pose_kernel import Kernels

# Who has moved by less, across the image and along its depth, is where they were. A body that is
# found differently after some seconds seems to have come nearer or gone away by 15 cm: of people
# who keep still, 8 cm in both ways took the sound from each four times as often.
STILL_ACROSS_M, STILL_ALONG_M = 0.08, 0.2
LEAVING_M = 0.3  # in the last second: however it looks since the burst
LONGEST_S = 30.0
# Who walks is lifted with a burst only while they can have got this far since.
STALE_M = 0.05
# Who has moved on by more while a burst sounds is heard too far off or too near.
SMEARED_M = 0.12
REMEMBERED_S = 1.5  # a burst of half a second is heard that much after its middle
_BODY_M = 0.3  # half path that an echo extends before and behind the joints


@dataclass(frozen=True, slots=True)
class Watched:
    """One of those who are posed. still_s: for how long they have kept still. moved_m: in the last
    second. heard: whether a burst has met them where they are.
    """

    id: int
    still_s: float
    moved_m: float
    presence: Presence
    heard: bool


@dataclass(frozen=True, slots=True)
class Attention:
    """Everybody who was posed in the image at t_ns."""

    t_ns: int
    people: tuple[Watched, ...] = ()


class _Stay:
    """Somebody who has kept still since since_ns, and where: the mean of their joints' rays."""

    def __init__(self, since_ns: int, rays: Array) -> None:
        self.since_ns, self._sum, self._count = since_ns, np.nan_to_num(rays), np.isfinite(rays)
        self._count = self._count.astype(np.int64)

    def see(self, rays: Array) -> None:
        """Still there."""
        self._sum = self._sum + np.nan_to_num(rays)
        self._count = self._count + np.isfinite(rays)

    def left_by(self, track: Track) -> bool:
        """Whether they are no longer there."""
        place = self._sum / np.where(self._count > 0, self._count, np.nan)
        across_m, along_m = track.moved_across_and_along(place)
        return bool(np.hypot(across_m / STILL_ACROSS_M, along_m / STILL_ALONG_M) > 1.0)


class Listening:
    """Fed with every image and every burst by the thread that makes the poses."""

    def __init__(self) -> None:
        self._moments: deque[Sights] = deque()
        self._still: dict[Track, _Stay] = {}
        self._mean = KernelMean()
        self._newest: tuple[int, Kernels, Rig] | None = None
        self._doubt: FloatArray | None = None
        self._lasted_s = 0.0
        self._cached: tuple[tuple[int, int], tuple[Kernels, int] | None] | None = None

    def forget(self) -> None:
        """Start anew, as with another source."""
        self.__init__()  # type: ignore[misc]

    def look(self, moment: Sights) -> None:
        """The newest image."""
        self._moments.append(moment)
        while self._moments[0].t_ns < moment.t_ns - REMEMBERED_S * 1e9:
            self._moments.popleft()
        here = {track for track, _ in moment.sights} | set(moment.hidden)
        self._still = {track: since for track, since in self._still.items() if track in here}
        for track, _ in moment.sights:
            since = self._still.get(track)
            if since is None or since.left_by(track):
                self._still[track] = _Stay(moment.t_ns, track.rays)
            else:
                since.see(track.rays)

    def moment(self, t_ns: int) -> Sights:
        """The image nearest to t_ns; call `look` before."""
        return min(self._moments, key=lambda m: abs(m.t_ns - t_ns))

    def hear(
        self,
        kernels: Kernels,
        rig: Rig,
        t_ns: int,
        *,
        lasted_s: float = 0.0,
        doubt: FloatArray | None = None,
    ) -> None:
        """The pose kernels of a new burst whose middle was at t_ns. rig: with their pairs.
        lasted_s: the burst. doubt: 1-sigma (T,) of the empty room that was subtracted: it is in the
        mean as in each of them.
        """
        if self._newest is not None and self._newest[2] is not rig:
            self._mean.forget()
        self._mean.add(kernels, t_ns)
        self._newest, self._lasted_s, self._doubt = (t_ns, kernels, rig), lasted_s, doubt

    def attention(self, posed: Sequence[Sight], people: People, t_ns: int) -> Attention:
        """What the scheduler of probes needs to know of those who are posed at t_ns."""
        heard_ns = -1 if self._newest is None else self._newest[0]
        return Attention(
            t_ns,
            tuple(
                Watched(
                    track.id,
                    (t_ns - self._since_ns(track, t_ns)) * 1e-9,
                    track.moved_m,
                    people.presence(track),
                    self._since_ns(track, t_ns) <= heard_ns,
                )
                for track, _ in posed
            ),
        )

    def shares(self, posed: Sequence[Sight], t_ns: int, max_skew_ns: float) -> list[Share]:
        """Who is lifted with what in the image at t_ns. Everybody is in one share."""
        if self._newest is None:
            return [Share(tuple(range(len(posed))))] if posed else []
        heard_ns, kernels, rig = self._newest
        age_ns = t_ns - heard_ns
        kept: list[int] = []
        near: list[int] = []
        out: list[int] = []
        for k, (track, _) in enumerate(posed):
            since_ns = self._since_ns(track, t_ns)
            fresh_ns = min(max_skew_ns, 1e9 * STALE_M / max(track.moved_m, 1e-3))
            stays = since_ns <= heard_ns and track.moved_m < LEAVING_M
            if stays and age_ns <= LONGEST_S * 1e9:
                kept.append(k)
            elif abs(age_ns) <= fresh_ns and track.moved_m * self._lasted_s <= SMEARED_M:
                near.append(k)
            else:
                out.append(k)
        found = []
        if kept:
            since_ns = max(self._since_ns(posed[k][0], t_ns) for k in kept)
            mean = self._mean_since(since_ns, heard_ns, [posed[k][0] for k in kept], rig)
            if mean is not None:
                found.append(Share(tuple(kept), self._doubted(mean[0]), rig, mean[1]))
        if near:
            found.append(Share(tuple(near), self._doubted(kernels), rig, 1))
        if out:
            found.append(Share(tuple(out)))
        return found

    def _since_ns(self, track: Track, t_ns: int) -> int:
        """Since when they have kept still; t_ns: now."""
        stay = self._still.get(track)
        return t_ns if stay is None else stay.since_ns

    def _mean_since(
        self, since_ns: int, heard_ns: int, tracks: Sequence[Track], rig: Rig
    ) -> tuple[Kernels, int] | None:
        if self._cached is None or self._cached[0] != (since_ns, heard_ns):
            window = self._window(tracks, rig)
            self._cached = (since_ns, heard_ns), self._mean.since(since_ns, window)
        return self._cached[1]

    def _doubted(self, kernels: Kernels) -> Kernels:
        if self._doubt is None or kernels.sigma is None:
            return kernels
        return replace(kernels, sigma=np.hypot(kernels.sigma, self._doubt))

    def _window(self, tracks: Sequence[Track], rig: Rig) -> Array | None:
        """Samples (P, 2) that hold the echoes of these bodies."""
        assert self._newest is not None
        joints = np.concatenate([track.joints for track in tracks])
        joints = joints[np.isfinite(joints).all(axis=1)]
        if not len(joints):
            return None
        rate = self._newest[1].sample_rate_hz
        margin = 2.0 * _BODY_M / rig.speed_of_sound_m_s
        arrival = rig.arrival_s(joints)
        ends = np.stack([arrival.min(axis=1) - margin, arrival.max(axis=1) + margin], axis=1)
        return np.asarray(np.maximum(ends, 0.0) * rate)
