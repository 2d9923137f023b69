"""The source, open while sensing is on, and its poses."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge.core.contracts import Source
from edge.core.errors import PosekernelError, StuckDeviceError
from edge.core.pose import FrameEstimate
from edge.sensor.loops import live_poses, offline_poses
from edge.sensor.permissions import Sensing
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan
from edge.sensor.process.console import Console
from edge.sensor.process.lifetime import return_free
from edge.sensor.reports.telemetry import Telemetry

_IDLE_S = 0.2
_OPEN_AGAIN_S = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class RunningSensor:
    """The source, open while sensing is on, and its poses. `with` opens and closes it."""

    plan: SensorPlan
    pipeline: Pipeline
    sensing: Sensing
    telemetry: Telemetry
    console: Console
    stop: threading.Event
    source: Source | None = None
    trouble: str = ""  # why the source cannot be opened again

    def __enter__(self) -> "RunningSensor":
        if self.sensing.permissions.sensing:
            self.source = self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self.source is not None:
            self.source.close()

    @property
    def blind(self) -> str | None:
        """Why nobody can be seen now; None while the sensor looks."""
        if self.source is not None:
            return self.pipeline.blind
        return self.trouble or "sensing is off"

    def poses(self, beat: Callable[[str], None]) -> Iterator[FrameEstimate]:
        """Poses until `stop` is set or the source ends; while sensing is off the source is closed.
        beat: called with "sound" or "image" when that device was read, or need not be.
        """
        while not self.stop.is_set():
            if self.source is None:
                beat("sound")
                beat("image")
                if self.sensing.wait_until_on(_IDLE_S):
                    self.source = self._open_again()
                continue
            off = self._begin(self.source)
            loop = live_poses if self.plan.live else offline_poses
            yield from loop(self.pipeline, self.source, AnyOf(self.stop, off), beat)
            self._end(self.source)
            if not off.is_set():
                return
            self.source = None
            return_free()

    def _begin(self, source: Source) -> threading.Event:
        """Say what runs now; the event is set when sensing goes off."""
        self.console.say(f"source: {source.kind} ({source.description})")
        for note in source.notes:
            self.console.say(f"note: {note}")
        self.telemetry.opened(source)
        return self.sensing.attach(source, self.pipeline)

    def _end(self, source: Source) -> None:
        self.sensing.detach()
        source.close()
        self.telemetry.closed()
        self.pipeline.resume()

    def _open(self) -> Source:
        return self.plan.open(muted=self.sensing.opens_muted)

    def _open_again(self) -> Source | None:
        """None, after a pause, while a device is not there."""
        try:
            source = self._open()
        except StuckDeviceError:
            raise  # no later try of this process can help
        except PosekernelError as e:
            if str(e) != self.trouble:  # once, and not every few seconds for weeks
                self.trouble = str(e)
                log.error("sensing is on, but %s; trying again", e)
            self.stop.wait(_OPEN_AGAIN_S)
            return None
        self.trouble = ""
        return source


class AnyOf:
    """Set as soon as one of the events is."""

    def __init__(self, *events: threading.Event) -> None:
        self._events = events

    def is_set(self) -> bool:
        """Whether one is."""
        return any(e.is_set() for e in self._events)
