"""Records a real rig: raw sound and images, as `replay` and the training read them."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.config import Config
from edge.devices import AudioPeriod
from edge.errors import ConfigError, EndOfStreamError
from edge.runner import make_plan, stop_on_signals
from edge.session import SessionWriter
from edge.session_writer import FULL_SCALE


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written."""

    periods: int
    frames: int


def record_session(path: Path, config: Config, seconds: float) -> Recorded:
    """Record `seconds` (or until SIGINT, SIGTERM) from the configured devices into a new folder. Raises PosekernelError.

    Channels: the microphones in the rig's order, then the reference where there is one. Faulty periods are kept and named.
    """
    if config.source.kind != "device":
        raise ConfigError(f"source.kind: found {config.source.kind!r}, but only the sound and images of a device can be recorded")
    mics, reference = len(config.audio.mic_channels), config.audio.reference_channel >= 0
    with stop_on_signals() as stop:
        plan = make_plan(config)
        source = plan.open()
        periods = frames = 0
        end = time.monotonic() + seconds
        try:
            with SessionWriter(
                path,
                source="recorded",
                rig=plan.rig,
                excitation=config.excitation,
                channels=mics + reference,
                mic_channels=tuple(range(mics)),
                reference_channel=mics if reference else None,
                description=f"{config.device.id}, {config.audio.capture}",
                licence="private",
                empty_until_s=0.0,
                fps=max(config.camera.fps, 1.0),
                start_ns=time.monotonic_ns(),
            ) as writer:
                while not stop.is_set() and time.monotonic() < end:
                    # Sound comes in fixed steps, images when they will: the shorter wait keeps both from queueing up.
                    period = source.audio.read(0.02)
                    if period is not None:
                        writer.add_period(_raw(period), period.t_ns, period.fault)
                        periods += 1
                    frame = source.frames.read(0.02)
                    if frame is not None:
                        writer.add_frame(frame.image, frame.t_ns)
                        frames += 1
        except EndOfStreamError:
            pass
        finally:
            source.close()
    return Recorded(periods, frames)


def _raw(period: AudioPeriod) -> npt.NDArray[np.int16]:
    rows = period.samples if period.reference is None else np.vstack([period.samples, period.reference])
    return np.asarray(np.clip(np.round(rows.T * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)
