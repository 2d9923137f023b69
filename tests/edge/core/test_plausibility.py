"""Numbers that cannot be are named with the unit that was meant; unusual but possible ones pass."""

from dataclasses import replace

import numpy as np
import pytest

from edge.core.plausibility import (
    band_problem,
    electronics_problem,
    length_unit,
    rig_problem,
    wild_joints,
)
from edge.core.rig import Camera, Rig
from tests.support.bodies import CAMERA, compact_rig, standing


def scattered() -> Rig:
    """Four loudspeakers, each with its microphone, about a room, as in the public dataset."""
    places = np.array([[-2.0, 0.5, 0.1], [2.0, 0.4, 0.2], [-1.8, 0.5, 4.0], [2.1, 0.6, 4.2]])
    pairs = np.stack([np.arange(4), np.arange(4)], axis=1)
    return Rig(places, places.copy(), pairs, CAMERA, 343.0)


def test_possible_rigs_pass():
    assert rig_problem(compact_rig(), one_card=True) == ""
    assert rig_problem(scattered(), one_card=False) == ""


@pytest.mark.parametrize(
    ("factor", "unit"), [(1000.0, "look like mm"), (100.0, "look like cm"), (0.001, "kilometres")]
)
def test_an_array_in_another_unit_is_named(factor, unit):
    rig = compact_rig()
    wrong = replace(rig, mics=rig.mics * factor, speakers=rig.speakers * factor)
    assert unit in rig_problem(wrong, one_card=True)


def test_a_loudspeaker_alone_in_another_unit_is_named():
    rig = compact_rig()
    assert "loudspeaker is" in rig_problem(
        replace(rig, speakers=rig.speakers * 1000.0), one_card=True
    )


def test_microphones_on_one_spot_are_named():
    rig = compact_rig()
    same = replace(rig, mics=np.repeat(rig.mics[:1], len(rig.mics), axis=0))
    assert "listed twice" in rig_problem(same, one_card=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cx": CAMERA.width + 320.0}, "rig.camera.cx"),
        ({"cy": -5.0}, "rig.camera.cy"),
        ({"fx": 4.0, "fy": 4.0}, "rig.camera.fx"),
        ({"fx": 60_000.0, "fy": 60_000.0}, "rig.camera.fx"),
        ({"fy": CAMERA.fy * 1.5}, "fx, fy"),
        ({"height_m": 140.0}, "look like cm"),
        ({"height_m": 1400.0}, "look like mm"),
        ({"height_m": 14.0}, "rig.camera.height_m"),
        ({"height_m": 0.0}, "rig.camera.height_m"),
    ],
)
def test_an_impossible_camera_is_named(change, named):
    camera: Camera = replace(CAMERA, **change)
    assert named in rig_problem(replace(compact_rig(), camera=camera), one_card=True)


def test_a_band_must_be_wide_enough_to_tell_distances():
    assert band_problem((2000.0, 7500.0)) == ""
    assert band_problem((17_000.0, 22_000.0)) == ""
    assert "1 Hz wide" in band_problem((2000.0, 2001.0))
    assert "kilohertz" in band_problem((2.0, 7.5))


@pytest.mark.parametrize(
    ("delay_s", "gains", "named"),
    [
        (0.0, (), "found 0 values"),
        (0.0, (0.0, 0.0, 200.0, 0.0), "found 200"),
        (0.0, (0.0, 0.0, -200.0, 0.0), "found -200"),
        (0.5, (0.0,) * 4, "milliseconds"),
        (0.002, (1.0, -2.0, 0.5, 0.0), ""),
    ],
)
def test_impossible_electronics_are_named(delay_s, gains, named):
    problem = electronics_problem(delay_s, gains, 4)
    assert (named in problem) if named else problem == ""


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.2])
def test_bones_tell_the_unit_whatever_one_joint_says(scale):
    joints = np.full((25, 3), np.nan)
    joints[:15] = standing()[:15] * scale
    joints[4] = [150.0, 0.0, 3.0]
    for unit, per_m in (("m", 1.0), ("cm", 100.0), ("mm", 1000.0)):
        assert length_unit(joints * per_m) == unit
    assert length_unit(joints * 1e6) == ""
    assert np.flatnonzero(wild_joints(joints)).tolist() == [4]
