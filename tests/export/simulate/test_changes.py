"""Changes of a room: they stand where there is place, are heard from there, and are as loud as a
body.
"""

import numpy as np
import pytest

from export.simulate.changes.random_changes import KINDS
from export.simulate.changes.things import chair, curtain, door_leaf, pet
from export.simulate.conditions import joints_in_view
from export.simulate.moments.scene_sound import SceneSound
from export.simulate.scenes import make_scene, scene_rng

pytestmark = pytest.mark.export

SPACING_M = 0.016


@pytest.fixture(scope="module")
def sound():
    scene = make_scene("val", 5, 0, 2, "compact-6")
    return SceneSound(scene, scene_rng("val", 5, 0, 1))


@pytest.fixture(scope="module")
def changes(sound):
    return sound.changes(sound.scene.people)


def test_things_are_closed_surfaces_of_their_size():
    rng = np.random.default_rng(0)
    for made, height in (
        (chair(rng, SPACING_M), (0.75, 1.1)),
        (door_leaf(2.4, SPACING_M), (1.95, 2.01)),
        (curtain(rng, 1.5, 2.0, SPACING_M), (1.95, 2.05)),
        (pet(rng, "cat", SPACING_M), (0.2, 0.45)),
        (pet(rng, "dog", SPACING_M), (0.35, 1.1)),
    ):
        # The faces of a closed surface cancel.
        assert np.linalg.norm(made.normals.T @ made.areas) < 0.05 * made.areas.sum()
        assert height[0] < made.points[:, 2].max() < height[1]
        assert made.points[:, 2].min() > -0.05


def test_a_thing_is_heard_from_its_place_on(sound, changes):
    rng = np.random.default_rng(1)
    there = changes.draw(rng, "chair").after
    spectra = there.response(sound.room, sound.scene.rig.temperature_c)
    response = np.fft.irfft(spectra[0])
    first_s = sound.scene.rig.true.arrival_s(there.surface.points).min(axis=1)
    begin = first_s * sound.scene.rig.excitation.sample_rate_hz
    for row, onset in zip(response, begin, strict=True):
        before = np.abs(row[: int(onset) - 6]).max()
        assert before < 0.1 * np.abs(row[int(onset) - 2 : int(onset) + 60]).max()


def test_changes_stand_clear_of_devices_people_and_walls_and_people_out_of_view(sound, changes):
    scene, rng = sound.scene, np.random.default_rng(2)
    camera, true = scene.rig.true.camera, scene.rig.true
    people = np.concatenate([p.joints[:15] for p in scene.people])
    devices = np.concatenate([true.speakers, true.mics])
    kinds = set()
    for kind in KINDS:
        for _ in range(5):
            change = changes.draw(rng, kind)
            kinds.add(change.kind)
            assert change.before is not None or change.after is not None
            for thing in (change.before, change.after):
                if thing is None:
                    continue
                points = scene.room.place(thing.surface.points)
                assert (points > -0.06).all()
                assert (points < np.asarray(scene.room.size_m) + 0.06).all()
                for others in (people, devices):
                    gap = points[:, None, :2] - scene.room.place(others)[None, :, :2]
                    assert np.linalg.norm(gap, axis=2).min() > 0.05
                if change.kind == "person":
                    assert not joints_in_view(camera, thing.anchors).all()
    assert kinds == set(KINDS)


def test_a_person_out_of_view_has_no_joint_in_the_image(sound, changes):
    change = changes.draw(np.random.default_rng(3), "person")
    assert change.kind == "person"
    camera = sound.scene.rig.true.camera
    assert joints_in_view(camera, change.after.anchors).mean() < 0.1


def test_random_changes_are_about_as_loud_as_a_body_and_the_same_for_the_same_seed(sound):
    moment, rng = sound.scene.moments[0], np.random.default_rng(4)
    body = sound.respond(sound.bodies(moment, sound.reflectors(moment, [rng]), rng))
    clean = sound.random_changes(6, np.random.default_rng(5))
    assert clean.shape == (6, *body.shape)
    level_db = 20.0 * np.log10(np.linalg.norm(clean, axis=(1, 2)) / np.linalg.norm(body))
    assert -12.0 < np.median(level_db) < 12.0
    assert level_db.min() > -30.0
    np.testing.assert_array_equal(clean, sound.random_changes(6, np.random.default_rng(5)))
