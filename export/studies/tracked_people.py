"""2D joints and poses of single images through the sensor's own tracks, without sound."""

from collections.abc import Sequence

from edge.behaviour.people import People
from edge.behaviour.presence import load_evidence
from edge.behaviour.tracks import Tracks
from edge.core.config import TrackConfig
from edge.core.pose import Keypoints, LiftedPose, PersonEstimate
from edge.core.rig import Camera

MOST = 4


class TrackedPeople:
    """What the sensor's pipeline does behind the lifter: who is who, smoothed, what they do."""

    def __init__(self, camera: Camera) -> None:
        """camera: as it was calibrated."""
        self._associate = Tracks(camera)
        self._people = People(camera, TrackConfig(), (), load_evidence("ray"))

    def __call__(
        self, found: Sequence[tuple[Keypoints, LiftedPose]], t_ns: int
    ) -> dict[int, PersonEstimate]:
        """Everybody found in an image taken at t_ns who has a number, by their place in `found`."""
        tracks = self._associate([keypoints for keypoints, _ in found], t_ns)
        places = {id(track): k for k, track in enumerate(tracks)}
        sights = [(track, keypoints) for track, (keypoints, _) in zip(tracks, found, strict=True)]
        posed = self._people.choose(sights, MOST)
        lifted = [found[places[id(track)]][1] for track, _ in posed]
        nothing_heard = [None] * len(posed)
        numbers = {track.id: places[id(track)] for track, _ in posed}
        people = self._people(posed, lifted, self._associate.tracks, nothing_heard, t_ns)
        return {numbers[person.id]: person for person in people}
