"""Threads, queues, pairing in time, faulty periods, and the way a run ends."""

import dataclasses
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from edge.behaviour.mounting import camera_height
from edge.behaviour.mounting.kept_height import KeptHeight
from edge.behaviour.people import People
from edge.behaviour.size.heard_size import HeardSize
from edge.behaviour.track import Track
from edge.core.config import BackgroundConfig, Config, DeviceConfig, LifterConfig, SourceConfig
from edge.core.contracts import AudioPeriod, Frame
from edge.core.pose import FrameEstimate, LiftedPose
from edge.lifting.lifter import Lifter
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sight.visibility import COVERED
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sources.session.reader import DEMO_SESSION
from edge.sources.session.truth import truth_error_m
from tests.edge.sensor.demo_pipeline import make_pipeline

PERIOD_NS = 100_000_000


def nearer(estimate: FrameEstimate) -> LiftedPose:
    """The pose of the first person, who is the nearer one of two."""
    return next(p.pose for p in estimate.people if p.id == 1)


def offline(pipeline: Pipeline, plan: SensorPlan) -> list[FrameEstimate]:
    return list(offline_poses(pipeline, plan.open(), threading.Event(), lambda _: None))


def test_replay_is_the_same_every_time_and_close_to_the_truth() -> None:
    pipeline, plan = make_pipeline()
    a, b = offline(pipeline, plan), offline(*make_pipeline())
    # One image alone makes no person.
    assert [e.frame for e in a] == list(range(21, 70))
    assert {p.id for e in a for p in e.people} == {1, 2}
    # Heard in two periods of sound, and present from then on.
    assert [e.people[0].presence for e in a] == ["unsure"] + ["present"] * 48
    assert {p.presence for e in a[10:] for p in e.people} == {"present"}
    assert np.mean([len(e.people) for e in a]) > 1.9
    assert {e.more for e in a} == {0}
    for x, y in zip(a, b, strict=True):
        for p, q in zip(x.people, y.people, strict=True):
            np.testing.assert_array_equal(p.pose.joints, q.pose.joints)
    errors = [truth_error_m(plan.session, e) for e in a]
    assert np.median(errors) < 0.15
    assert all(nearer(e).scale_source == "sound" for e in a[5:])
    assert max(abs(e.skew_ms) for e in a) < 100.0


def test_a_blank_image_is_an_empty_room_where_all_is_simulated_and_else_a_covered_lens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan = make_plan(Config(DeviceConfig("test"), SourceConfig("replay", str(DEMO_SESSION))))
    pipeline = Pipeline(plan.config, plan.rig, plan.excitation)
    caplog.set_level("INFO")
    blank = np.full((plan.rig.camera.height, plan.rig.camera.width, 3), 96, np.uint8)
    assert pipeline.see(Frame(0, 0, blank), "simulated").blank
    assert pipeline.blind is None
    assert not caplog.records
    assert pipeline.see(Frame(1, PERIOD_NS, blank), "device").blank
    assert pipeline.blind == COVERED
    assert COVERED in caplog.text


def test_the_room_frame_puts_feet_near_the_floor() -> None:
    e = offline(*make_pipeline())[25]
    ankles = e.people[0].joints_room[[11, 14], 2]
    assert ((ankles > -0.1) & (ankles < 1.2)).all()  # on a beam and a treadmill, one leg up
    assert e.people[0].joints_room[0, 2] - ankles.min() > 1.0


class Counted:
    """A lifter that counts its calls."""

    def __init__(self, lift: Lifter) -> None:
        self._lift, self.count = lift, 0

    def __call__(self, *args: Any) -> list[LiftedPose | None]:
        self.count += 1
        return self._lift(*args)


def hips_below_a_right_camera() -> float:
    found = offline(*make_pipeline())
    return float(np.median([p.activity.hip_height_m for e in found for p in e.people]))


def test_where_people_stand_off_the_floor_it_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The camera's height was told 30 cm too small."""
    monkeypatch.setattr(camera_height, "LEAST_PLACES", 2)  # no more are visited in seven seconds
    plan = make_pipeline()[1]
    camera = plan.rig.camera
    assert camera.height_m is not None
    wrong = dataclasses.replace(camera, height_m=camera.height_m - 0.3)
    rig = dataclasses.replace(plan.rig, camera=wrong)
    pipeline = Pipeline(plan.config, rig, plan.excitation)
    pipeline.pose.lift = counted = Counted(pipeline.pose.lift)
    errors = []
    for _ in range(3):
        counted.count = 0
        found = offline(pipeline, plan)
        errors.append(np.median([truth_error_m(plan.session, e) for e in found]))
        pipeline.resume()
    assert errors[-1] < 0.6 * errors[0]
    assert [p.kind for p in pipeline.problems] == ["height"]
    assert "below the floor" in caplog.text
    assert counted.count - len(found) <= 7, "everybody each second once more, to check it"
    # Nothing else believes it, either: not their hips' height, nor their postures, nor their sizes.
    people = [p for e in found for p in e.people]
    assert "floor" not in {p.pose.scale_source for p in people}
    hips = np.median([p.activity.hip_height_m for p in people])
    assert abs(hips - hips_below_a_right_camera()) < 0.1
    assert np.mean([p.activity.posture in ("standing", "walking") for p in people]) > 0.6
    assert all(isinstance(p.size, HeardSize) for p in pipeline.people._known.values())


def test_a_restart_goes_on_without_the_height_that_people_contradicted(tmp_path: Path) -> None:
    plan = make_pipeline()[1]
    camera = plan.rig.camera
    assert camera.height_m is not None
    rig = dataclasses.replace(
        plan.rig, camera=dataclasses.replace(camera, height_m=camera.height_m - 0.3)
    )
    kept = KeptHeight(tmp_path / "height.json", rig)
    kept.keep(-0.3)
    errors = {}
    for known in (False, True):
        pipeline = Pipeline(plan.config, rig, plan.excitation)
        if known:
            pipeline.pose.recall(kept)
        found = offline(pipeline, plan)
        errors[known] = np.median([truth_error_m(plan.session, e) for e in found])
    assert errors[True] < 0.6 * errors[False]
    assert [p.kind for p in pipeline.problems] == ["height"]
    people = [p for e in found for p in e.people]
    assert "floor" not in {p.pose.scale_source for p in people}
    hips = np.median([p.activity.hip_height_m for p in people])
    assert abs(hips - hips_below_a_right_camera()) < 0.1


def test_where_nobody_would_contradict_it_nothing_is_recalled(tmp_path: Path) -> None:
    """The geometric lifter does not know of the floor."""
    plan = make_pipeline()[1]
    kept = KeptHeight(tmp_path / "height.json", plan.rig)
    kept.keep(0.3)
    config = replace(plan.config, lifter=LifterConfig(kind="geometric"))
    pipeline = Pipeline(config, plan.rig, plan.excitation)
    pipeline.pose.recall(kept)
    assert pipeline.problems == ()


def test_in_silence_a_size_is_learned_from_the_floor() -> None:
    pipeline, plan = make_pipeline()
    pipeline.silent = True
    source = plan.open()
    learned = []
    try:
        for _ in range(70):
            frame = source.frames.read(0.0)
            assert frame is not None
            seen = pipeline.see(frame, "simulated")
            estimate = pipeline.fuse(seen, None, "simulated")
            known = dict(pipeline.listening._moments[-1].sights)
            learned += pipeline.people.beliefs(list(known.items()))
            if estimate is not None:
                assert {p.pose.scale_source for p in estimate.people} <= {
                    "floor", "height", "memory",
                }  # fmt: skip
    finally:
        source.close()
    sizes = [size for size in learned if size is not None]
    assert sizes, "somebody stands on a floor below a camera of known height"
    assert all(0.03 < size.sigma < 0.12 for size in sizes)
    assert all(1.2 < np.exp(size.log_height) < 2.1 for size in sizes)


def test_without_the_cameras_height_a_size_is_learned_from_what_sound_adds_to_the_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, plan = make_pipeline()
    camera = dataclasses.replace(plan.rig.camera, height_m=None)
    pipeline = Pipeline(plan.config, dataclasses.replace(plan.rig, camera=camera), plan.excitation)
    told: list[LiftedPose] = []
    learn = People.learn_size

    def learn_size(self: People, track: Track, pose: LiftedPose) -> None:
        told.append(pose)
        learn(self, track, pose)

    monkeypatch.setattr(People, "learn_size", learn_size)
    (*_, last) = offline(pipeline, plan)
    by_sound = [pose for pose in told if pose.scale_source == "sound"]
    assert len(by_sound) >= 4, "two, for 5 s"
    assert all(pose.heard is not None for pose in by_sound)
    assert {pose.image is not None and pose.image.scale_source for pose in told} == {"height"}
    beliefs = [pipeline.people._known[p.id].size.belief for p in last.people]
    sizes = [size for size in beliefs if size is not None]
    assert sizes
    assert all(size.sigma > 0.06 for size in sizes), "the guess is wrong everywhere alike"
    assert all(1.2 < np.exp(size.log_height) < 2.1 for size in sizes)


def test_faulty_periods_are_counted_and_never_used(tmp_path: Path) -> None:
    copy = tmp_path / "session"
    shutil.copytree(DEMO_SESSION, copy)
    audio = np.load(copy / "audio.npy")
    bad = range(40, 44)
    for k in bad:
        audio[1600 * k : 1600 * (k + 1)] = 30000  # would wreck a pose if it were used
    np.save(copy / "audio.npy", audio)
    (copy / "audio_faults.json").write_text(json.dumps({str(k): "xrun" for k in bad}))
    pipeline, plan = make_pipeline(copy)
    by_frame = {e.frame: e for e in offline(pipeline, plan)}
    clean = {e.frame: e for e in offline(*make_pipeline())}
    assert pipeline.counters.periods_faulty == 4
    assert nearer(by_frame[42]).scale_source == "memory"
    for frame in range(21, 40):
        np.testing.assert_array_equal(nearer(by_frame[frame]).joints, nearer(clean[frame]).joints)
    shift = [
        nearer(by_frame[f]).mid_hip_distance_m - nearer(clean[f]).mid_hip_distance_m
        for f in range(50, 70)
    ]
    assert np.abs(shift).max() < 0.1


def test_the_loudspeakers_pauses_are_no_faults_but_what_follows_them_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = Config(
        device=DeviceConfig("test"),
        source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
    )
    plan = make_plan(config)
    pipeline = Pipeline(config, plan.rig, plan.excitation)

    def hear(t_s: float, fault: str) -> None:
        samples = np.zeros((len(plan.rig.mics), plan.excitation.period_samples), np.float32)
        assert pipeline.hear(AudioPeriod(0, round(t_s * 1e9), samples, None, 0.0, fault)) is None

    for start in (100.0, 160.0):
        pipeline.silent = True
        hear(start, "unsteady")
        hear(start + 0.1, "no reference")
        pipeline.silent = False
        hear(start + 0.2, "no reference")
        hear(start + 0.3, "unsteady")
    assert pipeline.counters.periods_faulty == 0
    assert not caplog.records
    hear(162.0, "no reference")
    assert pipeline.counters.periods_faulty == 1
    assert "sound: no reference" in caplog.text


def test_a_saved_room_of_another_sampling_is_learned_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, plan = make_pipeline(realtime=False)
    deconvolve = pipeline.deconvolve
    samples = 3 * deconvolve.window_samples
    other = Background(plan.rig, 3 * deconvolve.sample_rate_hz, deconvolve.band_hz, samples)
    rng = np.random.default_rng(0)
    room = rng.normal(size=(len(plan.rig.pairs), samples)).astype(np.complex64)
    for k in range(FIRST_PERIODS):
        other.step(room, k * 10**8, [])
    saved = tmp_path / "room.npz"
    other.save(saved)
    again = Pipeline(
        replace(pipeline.config, background=BackgroundConfig(snapshot=str(saved))),
        plan.rig,
        plan.excitation,
    )
    assert not again.room.learned
    assert f"{saved}: the saved empty room has sample_rate_hz" in caplog.text
    assert "remove the file" in caplog.text


def test_recalibration_forgets_the_empty_room() -> None:
    pipeline, plan = make_pipeline()
    stop = threading.Event()
    poses = offline_poses(pipeline, plan.open(), stop, lambda _: None)
    next(poses)
    assert pipeline.room.background.ready, "the session begins with an empty room"
    pipeline.room.relearn()
    assert {nearer(next(poses)).scale_source for _ in range(3)} <= {"memory", "floor"}
    assert not pipeline.room.background.ready, "somebody is in view"
    pipeline.resume()
    next(offline_poses(pipeline, plan.open(), stop, lambda _: None))
    assert pipeline.room.background.ready, "the session begins with an empty room"


def test_a_session_that_begins_again_shows_its_empty_room_again() -> None:
    pipeline, plan = make_pipeline(loop=True)
    stop = threading.Event()
    for estimate in offline_poses(pipeline, plan.open(), stop, lambda _: None):
        if estimate.frame == 60:
            pipeline.room.relearn()
        if estimate.frame >= 100:
            break
    stop.set()
    assert pipeline.room.background.ready, "people of the session's end are not hidden in it"
