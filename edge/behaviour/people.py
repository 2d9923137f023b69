"""Everybody over time: who is posed, and each one's smoothed pose, presence and activity."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from edge.behaviour.activity import ActivityTracker
from edge.behaviour.floor import FloorLevel
from edge.behaviour.presence import Echo, PresenceJudge, SoundEvidence, masked
from edge.behaviour.size.heard_size import HeardSize
from edge.behaviour.size.size_belief import SizeBelief
from edge.behaviour.smoothing import Smoother
from edge.behaviour.track import Track
from edge.core.arrays import Array
from edge.core.config import TrackConfig, ZoneConfig
from edge.core.pose import SEEN, Keypoints, LiftedPose, PersonEstimate, Presence
from edge.core.rig import Camera
from edge.core.stature import BodySize, standing_height

Sight = tuple[Track, Keypoints]  # one person in one image
# Who was posed before goes on until somebody else is this much more prominent, so that two equals
# do not take turns.
_STAY = 1.3
# The neck of who stands or sits is this much of their height above their ankles, at least.
_ON_FEET = 0.4
_NECK, _ANKLES = 1, [11, 14]


class People:
    """What is remembered of everybody with a number. All of them show where the floor is."""

    def __init__(
        self,
        camera: Camera,
        track: TrackConfig,
        zones: Sequence[ZoneConfig],
        evidence: SoundEvidence | None,
    ) -> None:
        """evidence: what the lifter's certainty of its sound tells of somebody being there."""
        self._camera, self._track, self._evidence = camera, track, evidence
        self._height_known = camera.height_m is not None
        self.zones = tuple(zones)  # any thread may set others, which count from the next image on
        self._floor = FloorLevel()
        self._known: dict[int, _Person] = {}

    def hang_camera(self, camera: Camera, contradicted: bool) -> None:
        """The camera as people show it. contradicted: not at the height that was configured, which
        distances were found by so far; then these and all sizes are found anew, and without it.
        """
        known = camera.height_m is not None and not contradicted
        if known != self._height_known:
            self._floor.forget()
        self._camera, self._height_known = camera, known
        for person in self._known.values():
            person.hang_camera(camera, known)

    def choose(self, sights: Sequence[Sight], most: int) -> list[Sight]:
        """Whom to pose: of those with a number the `most` largest in the image."""
        known = [s for s in sights if s[0].confirmed]
        return sorted(known, key=self._prominence, reverse=True)[:most]

    def beliefs(self, sights: Sequence[Sight]) -> list[BodySize | None]:
        """How tall each of them is, as far as sound and the floor have found it."""
        people = [self._known.get(track.id) for track, _ in sights]
        return [None if person is None else person.size.belief for person in people]

    def sizes(self, sights: Sequence[Sight]) -> list[BodySize | None]:
        """What a lifter is told of that: nothing of whoever is seen to stand or sit with a foot on
        the floor below a camera of known height. The floor then tells the distance as well, and
        networks that are told both heed a wrong size as much as a right one: of simulated people
        on four evenings they placed these to 3.7 % (root mean square) without a size, to 3.7 % with
        the right one, and to 3.9 and 4.7 % with one that is 5 % too small or too large.
        """
        return [
            None if self._floor_tells(*sight) else size
            for sight, size in zip(sights, self.beliefs(sights), strict=True)
        ]

    def learn_size(self, track: Track, pose: LiftedPose) -> None:
        """A pose from new sound, lifted without knowing the size."""
        self._person(track).size.update(pose)

    def hear(
        self,
        posed: Sequence[Sight],
        heard: Sequence[LiftedPose | None],
        lifted: Sequence[LiftedPose | None],
        t_ns: int,
    ) -> None:
        """What new sound told of each of them at t_ns, where they were then. lifted: their poses
        now; who has gone on since has one without sound.
        """
        for (track, _), then, now in zip(posed, heard, lifted, strict=True):
            if then is not None and now is not None and now.image is None:
                self._person(track).hear(then, t_ns, track.moved_m)

    def presence(self, track: Track) -> Presence:
        """What the newest image made of a track."""
        person = self._known.get(track.id)
        return "unsure" if person is None else person.presence

    def still_there(self, hidden: Iterable[Track]) -> int:
        """How many of those who are hidden now were present when they were last seen."""
        return sum(self.presence(track) == "present" for track in hidden)

    def __call__(
        self,
        posed: Sequence[Sight],
        lifted: Sequence[LiftedPose | None],
        tracks: Sequence[Track],
        echoes: Sequence[Echo | None],
        t_ns: int,
        *,
        in_bursts: bool = False,
    ) -> list[PersonEstimate]:
        """Those of one image whose pose is known, by number. Tells each track where its body is.

        tracks: all there are; the others are forgotten. echoes: what a new period of sound whose
        room is known tells of each, None without one. in_bursts: sound comes now and then.
        """
        zones = self.zones
        numbers = {track.id for track in tracks}
        self._known = {n: person for n, person in self._known.items() if n in numbers}
        seen = [
            (*s, pose, echo)
            for s, pose, echo in zip(posed, lifted, echoes, strict=True)
            if pose is not None
        ]
        heard = [t.id in self._known and self._known[t.id].heard for t, *_ in seen]
        behind = masked([pose.mid_hip_distance_m for *_, pose, _ in seen], heard)
        people = []
        for (track, keypoints, pose, echo), unheard in zip(seen, behind, strict=True):
            if echo is not None and unheard:
                echo = replace(echo, over_noise_db=-np.inf)
            follow = self._person(track)
            follow.set_zones(zones)
            person = follow(keypoints, pose, echo, t_ns, in_bursts, track.moved_m)
            track.correct(person.pose.joints)
            people.append(person)
        return sorted(people, key=lambda p: p.id)

    def _floor_tells(self, track: Track, keypoints: Keypoints) -> bool:
        person = self._known.get(track.id)
        seen = keypoints.pixels[_ANKLES, 2] >= SEEN
        return person is not None and person.on_feet and bool(seen.any())

    def _person(self, track: Track) -> "_Person":
        if track.id not in self._known:
            self._known[track.id] = _Person(
                *(track.id, self._camera, self._height_known, self._track),
                *(self.zones, self._floor, self._evidence),
            )
        return self._known[track.id]

    def _prominence(self, sight: Sight) -> float:
        track, keypoints = sight
        return _size_px(keypoints) * (_STAY if track.id in self._known else 1.0)


def _is_upright(room: Array, pose: LiftedPose) -> bool:
    """Whether a body stands or sits. room: its joints (15, 3) [m], room frame."""
    above = room[_NECK, 2] - room[_ANKLES, 2].mean()
    return bool(above >= _ON_FEET * standing_height(pose.joints, pose.confidence))


def _size_px(keypoints: Keypoints) -> float:
    """Of the box around the joints that are seen: its diagonal."""
    seen = keypoints.pixels[keypoints.pixels[:, 2] >= SEEN, :2]
    return float(np.hypot(*np.ptp(seen, axis=0))) if len(seen) else 0.0


class _Person:
    """What is remembered of the person with the number `id`. floor: the one that all show. size:
    nothing of it outlives the track. on_feet: whether they stand or sit, by a camera of known
    height. height_known: whether it places people.
    """

    def __init__(
        self,
        id: int,
        camera: Camera,
        height_known: bool,
        track: TrackConfig,
        zones: Sequence[ZoneConfig],
        floor: FloorLevel,
        evidence: SoundEvidence | None,
    ) -> None:
        self.id = id
        self._camera, self._height_known, self._track = camera, height_known, track
        self._first_ns: int | None = None
        self._judge = PresenceJudge(evidence)
        self._recognise = ActivityTracker(zones, floor)
        self._begin_distances()
        self.presence: Presence = "unsure"
        self.on_feet = False

    @property
    def heard(self) -> bool:
        """Whether this person was ever heard."""
        return self._judge.heard

    def hang_camera(self, camera: Camera, height_known: bool) -> None:
        """Go on with this camera; where its height has become known, or unknown, distance and size
        are found anew.
        """
        self._camera, before = camera, self._height_known
        if height_known != before:
            self._height_known = height_known
            self._begin_distances()

    def _begin_distances(self) -> None:
        self._smooth = Smoother(self._track, height_known=self._height_known)
        down = self._camera.image_down
        self.size = SizeBelief(down) if self._height_known else HeardSize(down)

    def hear(self, pose: LiftedPose, t_ns: int, moved_m: float) -> None:
        """See `People`."""
        self._smooth.hear(pose, t_ns, moved_m)

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        """Go on with these zones."""
        self._recognise.set_zones(zones)

    def __call__(
        self,
        keypoints: Keypoints,
        pose: LiftedPose,
        echo: Echo | None,
        t_ns: int,
        in_bursts: bool,
        moved_m: float,
    ) -> PersonEstimate:
        """The person in this image; see `People`."""
        # Counted from the first pose, so that a replay is the same at any time of the clock.
        self._first_ns = t_ns if self._first_ns is None else self._first_ns
        smoothed = self._smooth(pose, t_ns, moved_m)
        room = None if self._camera.height_m is None else self._camera.to_room(smoothed.joints)
        self.on_feet = room is not None and _is_upright(room, smoothed)
        t_s = (t_ns - self._first_ns) * 1e-9
        self.presence = self._judge(keypoints, smoothed, echo, t_s, in_bursts=in_bursts)
        return PersonEstimate(
            id=self.id,
            pose=smoothed,
            joints_room=room,
            presence=self.presence,
            activity=self._recognise(smoothed, room, t_ns),
        )
