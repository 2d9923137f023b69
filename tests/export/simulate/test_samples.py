"""Simulated datasets: physics of the samples, equal files for equal seeds, and resumed runs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from edge.core.errors import ConfigError
from edge.sound.pose_kernel import analytic_signal
from edge.sources.session.dataset import find_environments, load_environment
from export.acoustics.drifting_room import DriftingRoom
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import empty_response
from export.acoustics.shoebox import Room
from export.simulate.dataset_runs import MARKER, STAGING, DatasetPlan, Store, make_all, worker_pool
from export.simulate.moments.casting import DISTANCE_M
from export.simulate.moments.scene_sound import SceneSound
from export.simulate.samples import PERSON_EVERY_NS, EnvironmentPlan, simulate_environment
from export.simulate.scenes import make_scene, scene_rng
from tests.support.waiting import finished

pytestmark = pytest.mark.export

PLAN = EnvironmentPlan("val", 12, 0, 4, "compact-6", clean=True)
SMALL = DatasetPlan("test", 3, seed=2, per_room=1, family="compact")


def files(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "environment1"
    assert simulate_environment(PLAN, path) == PLAN.samples
    return path


@pytest.fixture(scope="module")
def samples(environment):
    loaded = load_environment(environment)
    found = list(loaded)
    assert loaded.skipped == {}
    return loaded, found


def test_the_dataset_format_holds_everything(samples, environment):
    loaded, found = samples
    assert [s.name for s in found] == ["0", "1", "2", "3"]
    assert (
        np.load(environment / "rir_empty.npy").shape
        == found[0].rir.shape
        == (6, round(0.04 * loaded.sample_rate_hz))
    )
    for s in found:
        assert s.joints[0].shape == s.keypoints[0].pixels.shape == (25, 3)
        assert s.clean.shape == s.rir.shape
        assert s.info["source"] == "simulated"
        assert s.info["room"] == "val-12-000000"
        assert 1.05 < s.info["height_m"] < 2.05
        assert s.info["distance_m"] == pytest.approx(np.linalg.norm(s.joints[0, 8]), abs=1e-3)
        assert {
            "pose",
            "clip",
            "body",
            "heading_deg",
            "sir_db",
            "room_size_m",
            "t60_s",
            "band_hz",
            "split",
        } <= set(s.info)
        seen = s.keypoints[0].pixels[:15, 2] > 0.7
        off = np.linalg.norm(
            s.keypoints[0].pixels[:15, :2] - loaded.rig.camera.project(s.joints[0, :15]), axis=1
        )[seen]
        assert np.median(off) < 25.0


def test_the_same_plan_gives_the_same_files(environment, tmp_path):
    simulate_environment(PLAN, tmp_path / "again")
    assert files(tmp_path / "again") == files(environment)


def test_the_echo_arrives_at_the_geometric_time(samples):
    loaded, found = samples
    rate, c = loaded.sample_rate_hz, loaded.rig.speed_of_sound_m_s
    for s in found:
        envelope = np.abs(analytic_signal(s.clean, rate, loaded.band_hz)).mean(axis=0)
        half_path = np.arange(len(envelope)) / rate * c / 2.0
        nearest = float(loaded.rig.arrival_s(s.joints[0]).mean(axis=0).min()) * c / 2.0
        before = (half_path > 0.5) & (half_path < nearest - 0.45)
        echo = (half_path > nearest - 0.25) & (half_path < nearest + 0.3)
        assert envelope[echo].max() > 2.5 * np.sqrt(np.mean(envelope[before] ** 2))


def test_noise_has_the_stated_level(samples):
    loaded, found = samples
    rate, c = loaded.sample_rate_hz, loaded.rig.speed_of_sound_m_s
    for s in found:
        first = float(loaded.rig.arrival_s(s.joints[0]).min())
        gate = slice(int((first - 0.6 / c) * rate), int((first + 1.4 / c) * rate))
        echo = np.sqrt(np.mean(s.clean[:, gate] ** 2))
        noise = np.sqrt(np.mean((s.rir - s.clean)[:, gate] ** 2))
        # Drift that was not undone counts as echo here.
        assert 20.0 * np.log10(echo / noise) == pytest.approx(s.info["sir_db"], abs=2.5)
        assert noise == pytest.approx(s.info["noise_rms"], rel=0.3)


def test_warming_air_stretches_the_empty_room():
    room = Room(np.array([4.0, 5.0, 2.5]), np.full(6, 0.8), np.eye(3), np.array([2.0, 1.0, 1.2]))
    speaker, mics = np.array([[0.1, 0.0, 0.0]]), np.array([[0.0, 0.05, 0.0], [0.0, 0.0, -0.05]])
    grid = PeriodGrid(16000, 1600, (2000.0, 7500.0))
    exact = empty_response(room, speaker, mics, grid, 343.9, 0.35)
    stretched = DriftingRoom(room, speaker, mics, grid, 343.2, 0.35).at(343.9)
    unmoved = empty_response(room, speaker, mics, grid, 343.2, 0.35)
    error = np.linalg.norm(stretched - exact) / np.linalg.norm(exact)
    assert 20.0 * np.log10(error) < -37.0
    assert np.linalg.norm(unmoved - exact) / np.linalg.norm(exact) > 10.0 * error


def test_a_body_that_is_not_there_leaves_nothing(environment):
    scene = make_scene("val", 12, 0, 4, PLAN.family)
    sound = SceneSound(scene, scene_rng("val", 12, 0, 1))
    sound.learn_empty(1e-7, np.random.default_rng(0))
    moment, rng = replace(scene.moments[0], warmth_c=0.0), np.random.default_rng(1)
    body = sound.bodies(moment, sound.reflectors(moment, [rng]), rng)
    keypoints = next(iter(load_environment(environment))).keypoints
    with_body, _ = sound.kernels(moment, body, keypoints, 0.0, PERSON_EVERY_NS, rng)
    without, _ = sound.kernels(moment, 0.0 * body, keypoints, 0.0, 2 * PERSON_EVERY_NS, rng)
    assert np.linalg.norm(without) < 0.05 * np.linalg.norm(with_body)


@pytest.mark.parametrize("family", ["public", "respeaker-4-mic-hat"])
def test_other_rigs_load_as_well(family, tmp_path):
    simulate_environment(EnvironmentPlan("train", 9, 1, 1, family), tmp_path / "environment1")
    loaded = load_environment(tmp_path / "environment1")
    (sample,) = list(loaded)
    assert sample.clean is None
    assert np.abs(sample.rir).max() > 0.0
    assert len(loaded.rig.pairs) == 4


def test_a_run_goes_on_where_it_was_and_grows(tmp_path):
    store = Store(tmp_path / "d")
    plans = SMALL.environments()
    assert [o.samples for o in plans] == [1, 1, 1]
    assert store.make(plans[0]) == 1

    def dies(plan, folder):
        folder.mkdir()
        (folder / "rig.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.make(plans[1], dies)
    before = files(tmp_path / "d")
    assert [store.complete(o) for o in plans] == [True, False, False]
    assert store.make(plans[0], dies) == 1  # is there: not made again
    for plan in plans[1:]:
        store.make(plan)
    store.sweep()
    after = files(tmp_path / "d")
    assert {k: after[k] for k in before} == before
    assert len(find_environments(tmp_path / "d")) == 3
    assert sum(k.endswith("/rir.npy") for k in after) == 3
    longer = DatasetPlan("test", 4, seed=2, per_room=2, family="compact").environments()
    assert [store.complete(o) for o in longer] == [False, False]


def test_a_folder_of_other_settings_is_not_mixed_up(tmp_path):
    store = Store(tmp_path / "d")
    store.make(SMALL.environments()[0])
    with pytest.raises(ConfigError, match=r"seed = 2.*seed = 3.*another folder"):
        store.complete(replace(SMALL, seed=3).environments()[0])


def test_a_dataset_from_before_people_could_be_chosen_is_of_the_usual_ones(tmp_path):
    store, plan = Store(tmp_path / "d"), SMALL.environments()[0]
    store.make(plan)
    path = tmp_path / "d" / "environment1" / MARKER
    since = ("poses", "distance_m", "heights_m")
    path.write_text(json.dumps({k: v for k, v in asdict(plan).items() if k not in since}))
    assert store.complete(plan)
    with pytest.raises(ConfigError, match=r"poses = everyday.*poses = free"):
        store.complete(replace(plan, poses="free"))
    with pytest.raises(ConfigError, match=r"distance_m = .1.6, 4.5.*distance_m = .0.8, 6.5"):
        store.complete(replace(plan, distance_m=(0.8, 6.5)))


def test_people_stand_where_and_are_as_tall_as_asked_for():
    near = make_scene("test", 12, 1, 12, "compact-6", distance_m=(0.8, 1.5)).people
    far = make_scene("test", 12, 1, 12, "compact-6", distance_m=(5.4, 6.5)).people
    small = make_scene("test", 12, 1, 12, "compact-6", heights_m=(0.75, 1.1)).people
    for people, (least, most) in ((near, (0.8, 1.5)), (far, (5.4, 6.5)), (small, DISTANCE_M)):
        over_floor = [np.linalg.norm(p.posed.joints[8, :2]) for p in people]
        assert least - 0.01 <= min(over_floor)
        assert max(over_floor) <= most + 0.01
    heights = [p.posed.body.height_m for p in small]
    assert 0.75 <= min(heights) < 0.85
    assert 1.0 < max(heights) <= 1.1


def test_people_take_free_poses_where_they_are_asked_for(tmp_path):
    """Upper arms are above the shoulder more than twice as often, and samples say what they are."""
    plan = EnvironmentPlan("test", 12, 0, 2, "compact-6", poses="free")
    simulate_environment(plan, tmp_path / "environment1")
    samples = list(load_environment(tmp_path / "environment1"))
    assert [s.info["pose"] for s in samples] == ["free"] * len(samples)
    raised = []
    for poses in ("everyday", "free"):
        people = [
            p
            for k in range(4)
            for p in make_scene("test", 12, k, 10, "compact-6", poses=poses).people
        ]
        arms = np.array([p.posed.joints[[3, 6]] - p.posed.joints[[2, 5]] for p in people])
        raised.append(np.mean(arms[..., 2] > 0.0))
    assert raised[1] > 2.0 * raised[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"samples": 0},
        {"samples": 3, "per_room": 0},
        {"samples": 3, "family": "drum"},
        {"samples": 3, "people": (0, 1)},
        {"samples": 3, "people": (3, 2)},
        {"samples": 3, "people": (2, 5)},
        {"samples": 3, "changes": -1},
        {"samples": 3, "distance_m": (0.1, 3.0)},
        {"samples": 3, "distance_m": (3.0, 3.0)},
        {"samples": 3, "distance_m": (float("nan"), 3.0)},
        {"samples": 3, "heights_m": (0.2, 1.0)},
        {"samples": 3, "heights_m": (1.0, 3.0)},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        DatasetPlan("train", **wrong)


def test_workers_are_counted_and_errors_reach_the_user(tmp_path):
    with pytest.raises(ConfigError, match="at least one"):
        list(make_all(Store(tmp_path / "d"), SMALL.environments(), workers=0))
    with worker_pool(1) as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again_and_nothing_doubles(tmp_path):
    out = tmp_path / "d"
    arguments = [
        "simulate",
        "--samples",
        "3",
        "--per-room",
        "1",
        "--rig",
        "compact",
        "--split",
        "val",
        "--workers",
        "1",
    ]
    command = [sys.executable, "-m", "export", *arguments, "--out", str(out)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60.0
    while not list(out.glob(f"environment*/{MARKER}")) and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(0.5)  # its workers end by themselves
    kept = {p.parent: p.stat().st_mtime_ns for p in out.glob(f"environment*/{MARKER}")}
    assert kept
    done = finished(command, check=True)
    assert "3 samples" in done.stdout
    assert {p: (p / MARKER).stat().st_mtime_ns for p in kept} == kept
    assert sum(len(list(load_environment(e))) for e in find_environments(out)) == 3
    assert not (out / STAGING).exists()
