"""The pipeline of a session, the shipped one by default, ready to run."""

from pathlib import Path

from edge.core.config import Config, DeviceConfig, SourceConfig
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan, make_plan
from edge.sensor.process.warm_up import warm_up
from edge.sources.session.reader import DEMO_SESSION


def make_pipeline(
    path: Path = DEMO_SESSION, realtime: bool = False, loop: bool = False
) -> tuple[Pipeline, SensorPlan]:
    config = Config(
        device=DeviceConfig("test"),
        source=SourceConfig("replay", str(path), realtime=realtime, loop=loop),
    )
    plan = make_plan(config)
    pipeline = Pipeline(config, plan.rig, plan.excitation)
    warm_up(pipeline)
    return pipeline, plan
