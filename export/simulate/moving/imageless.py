"""The sensor's own pipeline from the 2D joints on: raw periods of sound, and no images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.core.contracts import AudioPeriod, Frame
from edge.core.pose import FrameEstimate, Keypoints
from edge.sensor.pipeline import Pipeline, Seen
from export.bodies.acting import RATE_HZ
from export.simulate.electronics import ChannelLayout

_IMAGE = np.zeros((1, 1, 3), np.uint8)  # nothing behind the 2D joints looks at it


def sense_period(
    pipeline: Pipeline,
    raw: npt.NDArray[np.int16] | None,
    layout: ChannelLayout,
    found: Sequence[Keypoints],
    index: int,
    start_ns: int,
    delay_samples: float = 0.0,
) -> FrameEstimate | None:
    """What the sensor says of one period of 1 / RATE_HZ, and of an image taken in its middle.

    raw: channels (N, C) of this layout, None for silence. found: whom the detector finds.
    delay_samples: see `AudioPeriod`.
    """
    sound = None
    if raw is not None:
        sound = pipeline.hear(AudioPeriod(index, start_ns, *layout.split(raw), delay_samples))
    frame = Frame(index, start_ns + round(0.5e9 / RATE_HZ), _IMAGE)
    return pipeline.fuse(Seen(frame, list(found)), sound, "simulated")
