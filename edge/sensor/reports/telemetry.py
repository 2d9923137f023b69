"""The sensor's health as a message: machine, devices, pipeline and connection."""

import hashlib
import os
import shutil
import subprocess
import time
from collections import deque
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

import edge
from edge.core.arrays import Array
from edge.core.config import Config
from edge.core.contracts import Source, SourceKind
from edge.core.inference.execution import Execution
from edge.lifting.lifter import lifter_files
from edge.output.messages.device_messages import (
    AmbientEntry,
    ModelFile,
    ProblemEntry,
    RoomChangeEntry,
    SoundEntry,
    TelemetryMessage,
    ThreadCounts,
)
from edge.output.messages.fields import Message, timestamp
from edge.output.mqtt.publisher import MqttPublisher
from edge.sensor.pipeline import Pipeline
from edge.sight.people import FILES
from edge.sound.ambient import AmbientNoise
from edge.sound.sound_budget import SoundUse

# Raspberry Pi, Jetson, PC; else the hottest.
_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "CPU-therm", "x86_pkg_temp")
_LATENCIES = 4096


@dataclass(slots=True)
class DeviceTotals:
    """Counters summed over all sources that were open: each begins at 0."""

    xruns: int = 0
    gaps: int = 0
    sound_dropped: int = 0
    sound_reopened: int = 0
    camera_reopened: int = 0
    images_dropped: int = 0

    def with_source(self, source: Source | None) -> "DeviceTotals":
        """These totals plus the counters of `source`."""
        if source is None:
            return self
        sound, frames = source.audio.counters, source.frames.counters
        now = DeviceTotals(
            sound.xruns, sound.gaps, sound.dropped, sound.reopened, frames.reopened, frames.dropped
        )
        return DeviceTotals(*(getattr(self, f.name) + getattr(now, f.name) for f in fields(self)))


class Telemetry:
    """Needs each pose's latency and the source that is open; `message` gives the state, with rates
    since the previous message.
    """

    def __init__(self, config: Config, kind: SourceKind, pipeline: Pipeline, models: Path) -> None:
        self._config, self._kind, self._pipeline = config, kind, pipeline
        self._models = [
            ModelFile(p.name, _sha256(p))
            for p in used_models(config, pipeline.execution, models)
            if p.exists()
        ]
        self._totals = DeviceTotals()
        self._source: Source | None = None
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._began_s = time.monotonic()
        self._before = (time.monotonic(), time.process_time(), 0)

    def pose(self, latency_ms: float) -> None:
        """A pose was made this long after its image [ms]."""
        self._latencies.append(latency_ms)

    def opened(self, source: Source) -> None:
        """This source is open now."""
        self._source = source

    def closed(self) -> None:
        """The source was closed."""
        self._totals, self._source = self._totals.with_source(self._source), None

    @property
    def totals(self) -> DeviceTotals:
        """Of all sources, including the open one."""
        return self._totals.with_source(self._source)

    def message(self, publisher: MqttPublisher) -> Message:
        """The state as a JSON-ready dict; rates, CPU and latency are since the last call."""
        now_s, cpu_s = time.monotonic(), time.process_time()
        counters, devices = self._pipeline.counters, self.totals
        then_s, cpu_then_s, poses_then = self._before
        self._before = (now_s, cpu_s, counters.poses)
        elapsed_s = max(now_s - then_s, 1e-3)
        latencies = np.array([self._latencies.popleft() for _ in range(len(self._latencies))])
        flags = throttled_flags()
        sent, execution = publisher.counters, self._pipeline.execution
        return TelemetryMessage(
            id=self._config.device.id,
            timestamp=timestamp(time.time_ns()),
            source=self._kind,
            version=edge.__version__,
            uptime_s=round(now_s - self._began_s, 1),
            temperature_c=soc_temperature_c(),
            throttled=None if flags is None else bool(flags & 0xF),
            throttled_flags=flags,
            cpu_percent=round(100.0 * (cpu_s - cpu_then_s) / elapsed_s, 1),
            memory_mb=_memory_mb(),
            poses_per_s=round((counters.poses - poses_then) / elapsed_s, 2),
            latency_p50_ms=_quantile(latencies, 0.5),
            latency_p95_ms=_quantile(latencies, 0.95),
            frames=counters.frames,
            frames_dropped=counters.frames_dropped + devices.images_dropped,
            periods=counters.periods,
            periods_faulty=counters.periods_faulty,
            periods_lost=devices.sound_dropped,
            xruns=devices.xruns,
            gaps=devices.gaps,
            sound_reopened=devices.sound_reopened,
            camera_reopened=devices.camera_reopened,
            outbox_waiting=publisher.outbox.depth,
            outbox_dropped=publisher.outbox.dropped,
            stream_dropped=sent.dropped + sent.lost,
            connections=sent.connections,
            sound=_sound(self._pipeline.sound_use, now_s),
            lifter=self._config.lifter.kind,
            runtime=execution.runtime,
            threads=ThreadCounts(execution.keypoints_threads, execution.lifter_threads),
            models=self._models,
            problems=[ProblemEntry(**asdict(p)) for p in self._pipeline.problems],
            room_changes=[
                RoomChangeEntry(round(c.from_m, 1), round(c.to_m, 1), round(ago_s, 1))
                for c, ago_s in self._pipeline.room.background.changes
            ],
        ).as_message()


def _sound(use: SoundUse, now_s: float) -> SoundEntry:
    spent = use.budget.spent(now_s)
    return SoundEntry(
        average_dba=None if spent.average_dba is None else round(spent.average_dba, 1),
        peak_dba=None if spent.peak_dba is None else round(spent.peak_dba, 1),
        seconds=round(spent.seconds, 2),
        loudness_from=use.loudness.source,
        sigma_db=round(use.loudness.sigma_db, 1),
        ambient=_ambient(use.ambient),
    )


def _ambient(noise: AmbientNoise) -> AmbientEntry | None:
    bands, dba = noise.bands_db(), noise.dba()
    if bands is None:
        return None
    return AmbientEntry(
        dba=None if dba is None else round(dba, 1),
        unit="dBFS" if dba is None else "dB SPL",
        bands_hz=[round(f, 1) for f in np.sqrt(noise.bands_hz.prod(axis=1)).tolist()],
        bands_db=[round(level, 1) for level in bands.tolist()],
    )


def _quantile(values: Array, share: float) -> float | None:
    return round(float(np.quantile(values, share)), 1) if len(values) else None


def used_models(config: Config, execution: Execution, folder: Path) -> list[Path]:
    """The model files that this configuration runs."""
    names = [*FILES, *lifter_files(config.lifter.kind, execution.variant)]
    return [folder / name for name in names]


def soc_temperature_c(zones: Path = Path("/sys/class/thermal")) -> float | None:
    """Temperature of the processor [degrees Celsius]; None where it cannot be read."""
    found: dict[str, float] = {}
    for zone in sorted(zones.glob("thermal_zone*")):
        try:
            found[(zone / "type").read_text().strip()] = int((zone / "temp").read_text()) / 1000.0
        except (OSError, ValueError):
            continue
    for name in _ZONES:
        if name in found:
            return round(found[name], 1)
    return round(max(found.values()), 1) if found else None


def throttled_flags() -> int | None:
    """The Raspberry Pi's get_throttled word: bits 0-3 now, 16-19 since boot; else None."""
    tool = _vcgencmd()
    if tool is None:
        return None
    try:
        out = subprocess.run(
            [tool, "get_throttled"], capture_output=True, text=True, timeout=2.0, check=False
        ).stdout
        return int(out.strip().partition("=")[2], 16)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


@cache
def _vcgencmd() -> str | None:
    return shutil.which("vcgencmd")


def _memory_mb() -> float | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def as_sentence(totals: DeviceTotals, pipeline: Pipeline) -> str:
    """The counters of a run, for the log."""
    c, d = pipeline.counters, totals
    return (
        f"{c.frames} frames seen, {c.frames_dropped + d.images_dropped} dropped, "
        f"{c.periods} sound periods "
        f"({c.periods_faulty} faulty, {d.sound_dropped} lost), {d.xruns} xruns, {d.gaps} gaps, "
        f"reopened: sound {d.sound_reopened}, camera {d.camera_reopened}"
    )
