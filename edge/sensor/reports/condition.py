"""Why the sensor is silent, sees nobody or works less well, in words, as soon as it changes."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import edge
from edge.core.contracts import Problem, ProblemDevice
from edge.output.messages.device_messages import HealthMessage, ProblemEntry, Silence
from edge.output.messages.fields import Message, timestamp
from edge.sensor.permissions import Sensing
from edge.sensor.pipeline import Pipeline

STALLED_S = 5.0  # a device that gave nothing for so long has failed; longest healthy gap: 2 s
_VERSION_EVERY_S = 60.0
_SILENCE: dict[Silence, str] = {
    "sensing off": "sensing is off",
    "mute": "the loudspeaker is mute",
    "quiet hours": "the loudspeaker is silent: quiet hours",
    "silent mode": "the loudspeaker is silent: no sound is accepted",
}
_GIVES: dict[ProblemDevice, tuple[str, str]] = {  # how it is called, what it gives
    "camera": ("camera", "images"),
    "sound": ("sound card", "sound"),
}
_NOT_LEARNED = Problem(
    "room",
    "the empty room",
    "not learned",
    "is not learned yet",
    "somebody has been in view ever since",
    "leave the room for a minute",
)


@dataclass(slots=True)
class _Progress:
    count: int
    since_s: float


class Condition:
    """Call `tick` several times a second. blind: why nobody can be seen now, None while the sensor
    looks. clock: in seconds.
    """

    def __init__(
        self,
        device_id: str,
        pipeline: Pipeline,
        sensing: Sensing,
        blind: Callable[[], str | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._device_id, self._pipeline, self._sensing = device_id, pipeline, sensing
        self._blind, self._clock = blind, clock
        self._publish: Callable[[Message], None] | None = None
        self._published: HealthMessage | None = None
        self._progress: dict[ProblemDevice, _Progress] = {}
        self._version, self._version_s = _version_on_disk(), clock()

    def announce(self, publish: Callable[[Message], None]) -> None:
        """Publish through `publish`, now and whenever something changes."""
        self._publish, self._published = publish, None
        self.tick()

    def tick(self) -> None:
        """Notice what has changed."""
        if self._publish is None:
            return
        now_s = self._clock()
        if now_s - self._version_s >= _VERSION_EVERY_S:
            self._version, self._version_s = _version_on_disk(), now_s
        problems = self._problems(now_s)
        message = HealthMessage(
            id=self._device_id,
            timestamp="",
            reasons=self._reasons(problems),
            problems=[ProblemEntry(**asdict(p)) for p in problems],
            version=edge.__version__,
            version_on_disk=self._version,
        )
        if message == self._published:
            return
        self._published = message
        self._publish(message.as_message() | {"timestamp": timestamp(time.time_ns())})

    def _reasons(self, problems: list[Problem]) -> list[str]:
        silent = self._sensing.silent_because
        found = [] if silent is None else [_SILENCE[silent]]
        blind = self._blind()
        if blind is not None and blind not in found:
            found.append(blind)
        return [*found, *(p.what for p in problems)]

    def _problems(self, now_s: float) -> list[Problem]:
        if not self._sensing.permissions.sensing:
            self._progress.clear()
            return []
        counters, found = self._pipeline.counters, list(self._pipeline.problems)
        counts: dict[ProblemDevice, int] = {"camera": counters.frames, "sound": counters.periods}
        for device, count in counts.items():
            stalled = self._stalled(device, count, now_s)
            if stalled is not None:
                found.append(stalled)
        if not self._pipeline.room.learned and self._sensing.silent_because is None:
            found.append(_NOT_LEARNED)
        return found

    def _stalled(self, device: ProblemDevice, count: int, now_s: float) -> Problem | None:
        """A device that gave data before and gives none now."""
        before = self._progress.get(device)
        if before is None or before.count != count:
            self._progress[device] = _Progress(count, now_s)
            return None
        if now_s - before.since_s < STALLED_S:
            return None
        what, given = _GIVES[device]
        return Problem(
            device,
            what,
            "stalled",
            f"gives no {given}",
            "its cable, its power, or another program has it",
            "check the plug; `posekernel doctor` tries it",
        )


def _version_on_disk() -> str:
    """As it would start now: a package manager may have replaced what runs."""
    try:
        return version("posekernel")
    except PackageNotFoundError:
        return edge.__version__
