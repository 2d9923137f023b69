"""Mounting and scale from a person who walks."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from edge.core.calibration_file import Calibration, RigPart
from edge.core.contracts import Problem
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Camera, Rig
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.calibration import flow
from edge.tools.calibration.flow import CalibrationRequest
from edge.tools.calibration.walk import WatchedLifter, check_scale, mounting_from_walk


def walk_about(camera, person_m=1.78, scale=1.0, seed=0, company=0):
    """Somebody who walks, as the watched lifter sees it: 2 px of noise, a nodding gait. company:
    others in view.
    """
    rng = np.random.default_rng(seed)

    def lift(people, kernels, rig, sizes):
        return [LiftedPose(joints, np.ones(15), np.ones(15), "sound", 10.0) for _ in people]

    watched = WatchedLifter(lift)
    rig = Rig(np.zeros((1, 3)), np.ones((1, 3)), np.zeros((1, 2), int), camera, 343.0)
    for _ in range(60):
        place = np.array([rng.uniform(-0.8, 0.8), rng.uniform(2.2, 5.0), 0.0])
        room = np.tile(place, (15, 1))
        room[1] = place + np.array(
            [*rng.normal(0.0, 0.02, 2), 0.82 * person_m + rng.normal(0.0, 0.01)]
        )
        room[[11, 14]] = place + np.array([[0.1, 0.0, 0.08], [-0.1, 0.0, 0.08]])
        pixels = np.full((25, 3), 0.9)
        pixels[:15, :2] = camera.project(camera.from_room(room)) + rng.normal(0.0, 2.0, (15, 2))
        joints = camera.from_room(room) * scale * rng.normal(1.0, 0.04)
        watched([Keypoints(pixels, 1.0)] * (1 + company), None, rig)
    return watched.walked


@pytest.mark.parametrize("tilt", [0.0, 15.0])
def test_mounting_and_scale_from_a_walk(tilt):
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, (0.0,) * 5, 1.5, tilt, -2.0)
    unknown = replace(camera, height_m=None, tilt_deg=0.0, roll_deg=0.0)
    part, step = mounting_from_walk(walk_about(camera), unknown, 1.78)
    assert part is not None, step.found
    assert step.outcome == "ok"
    assert part.height_m == pytest.approx(1.5, abs=0.08)
    assert part.tilt_deg == pytest.approx(tilt, abs=1.5)
    assert part.roll_deg == pytest.approx(-2.0, abs=1.5)
    scale, step = check_scale(walk_about(camera), camera)
    assert scale is not None
    assert scale.ratio == pytest.approx(1.0, abs=0.03)
    assert step.outcome == "ok"
    assert check_scale(walk_about(camera, scale=1.12), camera)[1].outcome == "warning"


def test_a_walk_that_tells_too_little_stays_open():
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.5)
    walked = walk_about(camera)
    assert mounting_from_walk(walked, replace(camera, height_m=None), None)[1].outcome == "open"
    few = replace(
        walked, neck=walked.neck[:3], ankles=walked.ankles[:3], by_sound_m=walked.by_sound_m[:3]
    )
    assert mounting_from_walk(few, camera, 1.78)[1].outcome == "open"
    rng = np.random.default_rng(3)
    jumping = replace(walked, ankles=walked.ankles + rng.normal(0.0, 40.0, walked.ankles.shape))
    part, step = mounting_from_walk(jumping, camera, 1.78)
    assert part is None
    assert "no walk on a floor" in step.found
    mute = replace(walked, by_sound_m=np.full(60, np.nan))
    assert check_scale(mute, camera)[1].outcome == "open"
    assert mounting_from_walk(walked, replace(camera, height_m=2.2), 1.78)[1].outcome == "warning"


def test_who_walks_in_company_is_asked_to_walk_alone():
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.5)
    part, step = mounting_from_walk(walk_about(camera, company=1), camera, 1.78)
    assert part is None
    assert "60 show several people" in step.found
    assert "alone" in step.remedy


def test_who_stands_off_the_floor_is_told_whatever_else_sound_says():
    """A lifter that is told a wrong height gives hardly any scale by sound, or the wrong one."""
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.8)
    why = Problem("camera", "camera", "height", "sees people stand 30 cm off", "", "measure it")
    for by_sound_m in (np.full(60, np.nan), walk_about(camera).by_sound_m):
        walked = replace(walk_about(camera), by_sound_m=by_sound_m, off_floor=why)
        scale, step = check_scale(walked, camera)
        assert scale is None
        assert (step.outcome, step.found, step.remedy) == ("warning", why.what, why.remedy)


def test_the_scale_is_checked_below_the_camera_that_the_walk_has_found(monkeypatch):
    """The height of the configuration is wrong, the walker's is known."""
    true = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.5, tilt_deg=10.0)
    below = []

    def watch(plan, camera, correction):
        below.append(camera)
        return walk_about(true)

    monkeypatch.setattr(flow, "watch_walk", watch)
    rig = RigPart(16000, 1, (0,), -1, (), ())
    result = Calibration("posekernel-calibration-1", "", "", "simulated", "", rig)
    request = CalibrationRequest(None, walk=DEMO_SESSION, person_m=1.78)
    sound = SimpleNamespace(delay_s=0.0, gain_db=np.zeros(6))
    told = replace(true, height_m=1.2, tilt_deg=0.0)
    result = flow._walk(request, result, told, sound)
    assert [round(c.height_m, 1) for c in below] == [1.2, 1.5]
    assert {s.name: s.outcome for s in result.steps} == {"mounting": "warning", "scale": "ok"}
