"""Compiles and loads everything that a first frame would otherwise wait for."""

import numpy as np

from edge.core.pose import JOINTS, Keypoints
from edge.lifting.geometric_lifter import first_arrival_s
from edge.sensor.pipeline import Pipeline
from edge.sound.pose_kernel import make_kernels
from edge.sound.room.occupant import Occupant

_PERIODS = 16
_ECHOES = 6  # of them, at the end: what keeps still is taken every few periods


def warm_up(pipeline: Pipeline) -> None:
    """Send noise and a stick figure through every stage; what the pipeline remembers stays."""
    rng = np.random.default_rng(0)
    rig, camera = pipeline.rig, pipeline.rig.camera
    background = pipeline.room.new_background(adapt_s=1.0, leak_s=1.2, track_drift=True)
    shape = len(rig.mics), pipeline.deconvolve.period_samples
    noise = rng.normal(size=shape).astype(np.float32)
    pixels = np.zeros((25, 3))
    pixels[: len(JOINTS)] = [
        (0.5 * camera.width + 9 * (k % 3), (0.2 + 0.04 * k) * camera.height, 1)
        for k in range(len(JOINTS))
    ]
    figure = Keypoints(pixels, 1.0)
    gate = first_arrival_s(figure, rig, pipeline.config.lifter)
    pipeline.deconvolve(noise, noise[0])
    for k in range(_PERIODS):
        # Nearly the same noise each time: the background takes only what repeats for a room, and
        # fits its drift to nothing else.
        hiss = 1e-2 * rng.normal(size=shape).astype(np.float32)
        responses = pipeline.deconvolve(noise + hiss, None, 0.5)
        echo = k >= _PERIODS - _ECHOES
        if echo:
            # It moves, and comes late: an echo that stays would not be learned in the meantime.
            at = responses.shape[1] - 40 * (_PERIODS - k)
            responses[:, at : at + 8] += np.float32(10.0) * np.abs(responses).max()
        people = [Occupant(gate, moved_m=1.0)] if echo else []
        difference = background.step(responses, k * pipeline.period_ns, people)
    if difference is not None:
        kernels = make_kernels(difference, pipeline.deconvolve.sample_rate_hz, pipeline.band_hz)
        pipeline.pose.lift([figure], kernels, rig)
    pipeline.find_people(np.zeros((camera.height, camera.width, 3), np.uint8))
