"""Who is posed of many, and what is remembered of each."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.fall import Falls
from edge.behaviour.people import People, Sight
from edge.behaviour.presence import Echo, load_evidence
from edge.behaviour.track import Track
from edge.core.config import TrackConfig, ZoneConfig
from edge.core.pose import ImageDistance, Keypoints, LiftedPose
from tests.support.bodies import CAMERA, lying, seen, standing

HEARD = Echo(15.0, 0.95)


def at(number: int, z_m: float, x_m: float = 0.0) -> Sight:
    joints = standing(1.7, (x_m, z_m))
    track = Track(number, joints[:15], 0.0)
    track.see(joints[:15], 0.0)
    return track, seen(joints)


def lifted(sight: Sight) -> LiftedPose:
    return LiftedPose(
        sight[0].joints, np.full(15, 0.1), np.full(15, 0.9), "sound", 9.0, sound_confidence=0.95
    )


def people() -> People:
    return People(CAMERA, TrackConfig(), (), load_evidence("ray"))


def test_the_most_prominent_with_a_number_are_posed() -> None:
    sights = [at(1, 4.0), at(2, 2.0), at(0, 1.8), at(3, 3.0)]
    assert [t.id for t, _ in people().choose(sights, 2)] == [2, 3]
    assert [t.id for t, _ in people().choose(sights, 6)] == [2, 3, 1]
    assert people().choose([], 4) == []


def test_who_is_posed_goes_on_beside_somebody_as_prominent() -> None:
    group, far, near = people(), at(1, 3.1), at(2, 3.0)
    group([far], [lifted(far)], [far[0], near[0]], [HEARD], 0)
    assert [t.id for t, _ in group.choose([far, near], 1)] == [1]
    assert [t.id for t, _ in group.choose([far, at(2, 2.0)], 1)] == [2]


def test_everybody_comes_out_by_number_and_is_remembered_apart() -> None:
    group, sights = people(), [at(7, 2.5), at(2, 3.5, 1.0), at(4, 3.0, -1.0)]
    tracks = [t for t, _ in sights]
    for k in range(5):
        out = group(sights, [lifted(s) for s in sights], tracks, [HEARD] * 3, k * 10**8)
        assert [p.id for p in out] == [2, 4, 7]
    assert [p.presence for p in out] == ["present"] * 3
    places = [p.activity.floor_m for p in out]
    np.testing.assert_allclose(places, [(1.0, 3.5), (-1.0, 3.0), (0.0, 2.5)], atol=0.1)


def test_zones_may_change_between_two_images() -> None:
    group, sight = people(), at(1, 2.5)
    square = ((-1.0, 2.0), (1.0, 2.0), (1.0, 3.0), (-1.0, 3.0))
    found = []
    for k in range(20):
        if k == 5:
            group.zones = (ZoneConfig("Sofa", square),)
        (person,) = group([sight], [lifted(sight)], [sight[0]], [HEARD], k * 10**8)
        found.append(person.activity.zones)
    assert found[5] == ()
    assert found[12] == ("Sofa",)
    group.zones = ()
    (person,) = group([sight], [lifted(sight)], [sight[0]], [HEARD], 20 * 10**8)
    assert person.activity.zones == ()


def test_below_a_camera_that_hangs_at_another_height_all_are_measured_from_the_real_floor() -> None:
    """Their hips' height, their posture and whether they fell, too; and by sizes and a filter that
    know nothing of the floor.
    """
    group, sight = people(), at(1, 2.5)
    for k in range(20):
        (person,) = group([sight], [lifted(sight)], [sight[0]], [HEARD], k * 10**8)
        group.learn_size(sight[0], lifted(sight))
    assert CAMERA.height_m is not None
    assert group.beliefs([sight]) != [None]
    hip_m, sigma = person.activity.hip_height_m, person.pose.sigma[8]
    assert hip_m is not None
    for off_m, contradicted in ((0.6, True), (-0.4, True), (0.0, False)):
        hangs = replace(CAMERA, height_m=CAMERA.height_m + off_m)
        group.hang_camera(hangs, contradicted)
        assert group.beliefs([sight]) == [None]
        for k in range(20):
            (person,) = group([sight], [lifted(sight)], [sight[0]], [HEARD], 10**10 + k * 10**8)
        # Soles that stay where they are show the floor, so far as it is no platform.
        assert person.joints_room[8, 2] == pytest.approx(hip_m + off_m, abs=0.05)
        assert person.id == 1
        assert person.presence == "present"
        assert (person.pose.sigma[8] > 1.2 * sigma) == contradicted
    assert person.activity.hip_height_m == pytest.approx(hip_m, abs=0.02)


@pytest.mark.parametrize("off_m", [0.5, 1.0, -0.5])
def test_another_height_of_the_camera_makes_nobody_fall(off_m: float) -> None:
    """Somebody lies all the time, and seems to be half a metre lower from one image to the next."""
    assert CAMERA.height_m is not None
    told = replace(CAMERA, height_m=CAMERA.height_m + off_m)
    group, falls = People(told, TrackConfig(), (), load_evidence("ray")), Falls()
    sight, happened, heights = at(1, 2.5), [], []
    joints = CAMERA.from_room(lying())
    sight[0].see(joints, 0.0)
    for k in range(150):
        if k in (50, 100):
            group.hang_camera(*((CAMERA, True) if k == 50 else (told, False)))
        everybody = group([sight], [lifted(sight)], [sight[0]], [HEARD], k * 66_666_667)
        happened += falls(everybody, alone=True, t_s=k / 15)
        heights.append(everybody[0].activity.hip_height_m)
    assert not happened
    assert heights[50] == pytest.approx(heights[40] - off_m, abs=0.02)


def test_who_cannot_be_lifted_is_left_out_and_who_is_gone_is_forgotten() -> None:
    group, a, b = people(), at(1, 2.5), at(2, 3.5, 1.0)
    for k in range(5):
        out = group([a, b], [lifted(a), None], [a[0], b[0]], [HEARD, HEARD], k * 10**8)
    assert [p.id for p in out] == [1]
    assert group([], [], [], [], 10**9) == []
    again = at(1, 2.5)
    (newcomer,) = group([again], [replace(lifted(again))], [again[0]], [HEARD], 2 * 10**9)
    assert newcomer.presence == "unsure"


def test_who_stands_on_a_floor_that_tells_their_distance_is_lifted_without_their_size() -> None:
    """Networks heed a wrong size as much as a right one, and the floor tells as much as it."""
    sight = at(1, 3.0)
    hidden = sight[0], Keypoints(sight[1].pixels.copy(), sight[1].score)
    hidden[1].pixels[[11, 14], 2] = 0.0
    for camera, told in ((CAMERA, False), (replace(CAMERA, height_m=None, tilt_deg=0.0), True)):
        group = People(camera, TrackConfig(), (), load_evidence("ray"))
        image = ImageDistance(lifted(sight).mid_hip_distance_m, 0.4, "height")
        group.learn_size(sight[0], replace(lifted(sight), image=image))
        group([sight], [lifted(sight)], [sight[0]], [HEARD], 0)
        (size,) = group.beliefs([sight])
        assert size is not None
        assert abs(size.log_height - np.log(1.7)) < (size.sigma if told else 0.03)
        assert group.sizes([sight]) == [size if told else None]
        assert group.sizes([hidden]) == [size], "who stands behind a table is seen without feet"


def test_who_lies_is_lifted_with_their_size() -> None:
    sight = at(1, 3.0)
    lies = CAMERA.to_room(standing(1.7, (0.0, 3.0))[:15])
    lies = np.stack([lies[:, 2] - 0.8, lies[:, 1], 0.15 + 0.0 * lies[:, 2]], axis=1)
    group = people()
    group.learn_size(sight[0], lifted(sight))
    pose = replace(lifted(sight), joints=CAMERA.from_room(lies))
    group([sight], [pose], [sight[0]], [HEARD], 0)
    assert group.sizes([sight]) == group.beliefs([sight])
    assert group.sizes([sight]) != [None]
