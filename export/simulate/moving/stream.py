"""A moving scene through the sensor's own pipeline, from the 2D joints on.

What an image would show comes from `sights`; the sound is a simulated recording that passes the
sensor's own front end. For speed it is cheap: the bodies' echoes are added up, with reflections of
the walls up to `WALL_ORDER`; mutual shadow is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, Rng
from edge.core.config import Config, DeviceConfig, ExcitationConfig, LifterConfig, SourceConfig
from edge.core.config.estimation import LifterKind
from edge.core.pose import FrameEstimate
from edge.sensor.pipeline import Pipeline
from export.bodies.acting import RATE_HZ
from export.simulate.electronics import RESPEAKER_USB_V2
from export.simulate.moving.imageless import sense_period
from export.simulate.moving.scripts import MovingScene
from export.simulate.moving.sights import sights
from export.simulate.recording import Recording, RecordingConditions
from export.simulate.sessions import respeaker_rig

WALL_ORDER = 1
EXCITATION = ExcitationConfig()  # one period for each frame at RATE_HZ


@dataclass(frozen=True, eq=False)
class SensedFrame:
    """One frame. index: of the scene. found: rows of the scene's people whom the detector found.
    estimate: of the sensor, None where it says nothing. gone: numbers of those who walked out
    of the image, as the sensor knows.
    """

    index: int
    found: tuple[int, ...]
    estimate: FrameEstimate | None
    gone: frozenset[int]


def sense(
    scene: MovingScene, seed: int, *, lifter: LifterKind = "ray", sir_db: float = 13.0
) -> Iterator[SensedFrame]:
    """Each frame of the scene as the sensor takes it, with a period of sound each.

    seed: of room, clothes, noise and detector. sir_db: see `RecordingConditions`.
    """
    config = Config(
        DeviceConfig("scene"),
        SourceConfig("replay", "", realtime=False),
        lifter=LifterConfig(kind=lifter),
    )
    rng = np.random.default_rng([seed, 9])
    recording = Recording(
        respeaker_rig(scene.camera),
        EXCITATION,
        RESPEAKER_USB_V2,
        scene.joints,
        seed=seed,
        conditions=RecordingConditions(
            sir_db=sir_db, wall_order=WALL_ORDER, drift_c_per_minute=0.0, mutual=False
        ),
    )
    pipeline = Pipeline(config, respeaker_rig(scene.camera), recording.excitation)
    for index, joints in enumerate(scene.joints):
        yield _frame(pipeline, recording, scene, index, joints, rng)


def _frame(
    pipeline: Pipeline,
    recording: Recording,
    scene: MovingScene,
    index: int,
    joints: Array,
    rng: Rng,
) -> SensedFrame:
    start_ns = round(1e9 * (1.0 + index / RATE_HZ))
    raw = recording.period(joints, index)
    found = sights(rng, joints, scene.camera)
    shown = [keypoints for _, keypoints in found]
    estimate = sense_period(pipeline, raw, recording.layout, shown, index, start_ns)
    return SensedFrame(index, tuple(q for q, _ in found), estimate, pipeline.gone)
