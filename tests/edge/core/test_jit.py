"""Compiled loops: the same without the compiler; a warm run compiles nothing."""

import os
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.waiting import finished

SUBSET = (
    "sound/test_deconvolution.py::test_equals_reference",
    "sound/test_deconvolution.py::test_reference_takes_out_delay_level_and_colour",
    "sound/test_pose_kernel.py::test_envelope_is_the_magnitude",
    "sound/test_pose_kernel.py::test_pool_equals_reference",
    "sound/test_arrivals.py::test_points_equal_reference",
    "sound/test_arrivals.py::test_coherent_points_interpolate_tones_of_any_band",
)


@pytest.mark.slow
def test_kernels_mean_the_same_without_the_compiler():
    here = Path(__file__).parents[1]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(str(here / name) for name in SUBSET),
    ]
    done = finished(command, cwd=here.parent, env={**os.environ, "NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-1_000:]


COMPILED = """
import threading
from edge.sensor.process.warm_up import warm_up
from edge.sensor.loops import offline_poses
from edge.sources.session.reader import DEMO_SESSION
from edge.core.config import Config, DeviceConfig, SourceConfig
from edge.core.jit import compiled_here
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
config = Config(device=DeviceConfig("test"), source=source)
plan = make_plan(config)
pipeline = Pipeline(config, plan.rig, plan.excitation)
warm_up(pipeline)
warm = compiled_here()
poses = len(list(offline_poses(pipeline, plan.open(), threading.Event(), lambda _: None)))
print(warm, compiled_here() - warm, poses)
"""


@pytest.mark.slow
def test_a_run_compiles_nothing_that_warming_up_did_not(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    command = [sys.executable, "-c", COMPILED]
    done = finished(command, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    warm, later, poses = map(int, done.stdout.split())
    assert warm > 10
    assert (later, poses) == (0, 49)  # somebody new is told of from the second image on
