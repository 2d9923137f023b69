"""Takes that happen at once before one sensor, with the errors of a detector and of a lifter."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.pose import FrameEstimate, LiftedPose, PersonEstimate
from edge.core.rig import Camera
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from export.bodies.acting import RATE_HZ, ActedTake
from export.simulate.moving.sights import sights
from export.studies.falls.lifter_errors import LifterErrors, is_lying
from export.studies.tracked_people import TrackedPeople


@dataclass(frozen=True, eq=False)
class SensedMoment:
    """One image, of the take number k of each of Q people. true: joints (Q, 25, 3) [m], camera
    frame. lifted: with a lifter's errors, None where somebody is missed. people: as published, by
    row. events: told since the last image.
    """

    index: int
    true: Array
    lifted: list[LiftedPose | None]
    people: dict[int, PersonEstimate]
    events: list[Message]


def sense_takes(
    takes: Sequence[ActedTake], rng: Rng, *, hidden_legs: float = 0.0
) -> Iterator[SensedMoment]:
    """Run takes through one sensor with a random place and calibration, as long as the first lasts.
    hidden_legs: probability that somebody's legs are behind furniture all the time.
    """
    height = float(rng.uniform(1.0, 2.2))
    tilt = float(np.degrees(np.arctan2(height - 0.8, 3.0)) + rng.normal(0.0, 2.0))
    camera = Camera(640, 480, 380.0, 380.0, 320.0, 240.0, height_m=height, tilt_deg=tilt)
    errors = [
        LifterErrors(camera, rng, bool(hidden_legs and rng.random() < hidden_legs)) for _ in takes
    ]
    follow, now, told = TrackedPeople(errors[0].believed), [0.0], list[Message]()
    events = EventKeeper("acted", "simulated", told.append, clock=lambda: now[0])
    for k in range(len(takes[0].joints)):
        now[0], t_ns = k / RATE_HZ, round(1e9 + k * 1e9 / RATE_HZ)
        room = np.array([t.joints[min(k, len(t.joints) - 1)] for t in takes])
        lifted = [e(j, 1.0 / RATE_HZ, is_lying(j)) for e, j in zip(errors, room, strict=True)]
        true = camera.from_room(room)
        found = [
            (q, keypoints, pose)
            for q, keypoints in sights(rng, _before(true), camera)
            if (pose := lifted[q]) is not None
        ]
        followed = follow([(keypoints, pose) for _, keypoints, pose in found], t_ns)
        people = {found[place][0]: person for place, person in followed.items()}
        if people:
            everybody = tuple(sorted(people.values(), key=lambda p: p.id))
            events.pose(FrameEstimate(k + 1, k, t_ns, t_ns, everybody, 0, None, 0.0, "simulated"))
        events.tick()
        yield SensedMoment(k, true, lifted, people, told.copy())
        told.clear()


def _before(joints: Array) -> Array:
    """Joints (Q, 25, 3), camera frame; NaN for who is behind the camera."""
    shown = joints.copy()
    shown[(joints[:, :15, 2] < 0.3).any(axis=1)] = np.nan
    return shown
