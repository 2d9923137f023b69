"""How exact the running sensor stays while the room changes; and whether it forgets a still person.

The sensor's own pipeline, from the 2D joints and the raw periods on: tracks, background, lifter.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, ComplexArray
from edge.core.config import BackgroundConfig, Config, DeviceConfig, LifterConfig, SourceConfig
from edge.core.config.estimation import LifterKind
from edge.core.pose import MID_HIP, N_JOINTS, Keypoints
from edge.sensor.pipeline import Pipeline
from edge.sound.room.change_log import RoomChange
from export.bodies.acting import RATE_HZ
from export.simulate.moving.imageless import sense_period
from export.studies.living_room import (
    KINDS,
    Detector,
    Home,
    Microphones,
    Periods,
    breathing,
    make_home,
    record_changes,
)

SECONDS, CHANGED_S = 20.0, 8.0
SILENT = "silent"
STILL_RATE_HZ = 2.0  # a fifth of a walk, to be done in time
PHASES, BREATH_S = 16, 3.5
SHIFT_S, SHIFT_M = 200.0, 0.01
SWING_C, SWING_S = 0.2, 1200.0  # of the air


@dataclass(frozen=True, eq=False)
class ChangeOutcome:
    """One home. errors_cm: per kind of change, and SILENT, (N,) mean error of the published joints
    of each period, NaN without a pose. noticed_s: per kind, what `Background.changes` said: seconds
    after the change.
    """

    sir_db: float
    errors_cm: dict[str, Array]
    noticed_s: dict[str, list[float]]


def live_through_changes(seed: int, index: int, lifter: LifterKind) -> ChangeOutcome:
    """One home with each of KINDS, and without sound."""
    home = make_home(seed, index, SECONDS)
    changed_at = round(CHANGED_S * RATE_HZ)
    raw = record_changes(home, changed_at, np.random.default_rng([seed, index, 2]))
    detect = Detector(home, np.random.default_rng([seed, index, 4]))
    seen = [detect(k, k / RATE_HZ) for k in range(len(home.joints))]
    errors, noticed = {}, {}
    for kind in (*KINDS, SILENT):
        sensor = _Sensor(home, lifter)
        errors[kind] = sensor.watch(seen, raw.get(kind))
        begins_ns = _begin_ns(changed_at, RATE_HZ)
        noticed[kind] = [(change.t_ns - begins_ns) * 1e-9 for change in sensor.changes]
    return ChangeOutcome(home.moment.sir_db, errors, noticed)


def sit_still(seed: int, index: int, minutes: float, lifter: LifterKind) -> Array:
    """Errors of the mid-hip [cm] (N,), at STILL_RATE_HZ, of somebody who sits there, breathes, and
    shifts a little every few minutes, while the air warms and cools.
    """
    rng = np.random.default_rng([seed, index, 3])
    home = make_home(seed, index, 20.0, seated=True)
    microphones = Microphones(home, rng)
    recorder = microphones.recorder(int(rng.integers(2**31)))
    sensor = _Sensor(home, lifter, STILL_RATE_HZ)
    detect = Detector(home, np.random.default_rng([seed, index, 4]))
    breaths: list[ComplexArray] = []
    out = []
    for k in range(round(60.0 * minutes * STILL_RATE_HZ)):
        t_s = k / STILL_RATE_HZ
        if k % round(SHIFT_S * STILL_RATE_HZ) == 0:
            shift_m = rng.normal(0.0, SHIFT_M, 3)
            chest = Microphones(breathing(home, PHASES, shift_m), np.random.default_rng(seed))
            breaths = [chest.body(chest.moment(n, 0.0)) for n in range(PHASES)]
        warmth_c = microphones.warmth_c(0.0) + SWING_C * np.sin(2.0 * np.pi * t_s / SWING_S)
        heard = home.sound.empty(float(warmth_c)) + breaths[int(t_s / BREATH_S * PHASES) % PHASES]
        seen = detect(k % len(home.joints), t_s)
        pose = sensor.step(k, recorder.period(heard, k), seen)
        off = np.nan if pose is None else np.linalg.norm(pose - home.joints[0][:N_JOINTS], axis=1)
        out.append(100.0 * float(np.broadcast_to(off, N_JOINTS)[MID_HIP]))
    return np.array(out)


class _Sensor:
    """A running sensor that has learned the home's empty room."""

    def __init__(self, home: Home, lifter: LifterKind, rate_hz: float = RATE_HZ) -> None:
        rig, sound = home.sound.scene.rig, home.sound
        self._home, self._rate_hz, self._layout = home, rate_hz, rig.layout
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "room.npz"
            sound.background.save(saved)
            config = Config(
                DeviceConfig("home"),
                SourceConfig("replay", "", realtime=False),
                background=BackgroundConfig(snapshot=str(saved)),
                lifter=LifterConfig(kind=lifter),
            )
            self._pipeline = Pipeline(config, rig.measured, sound.signal)

    @property
    def changes(self) -> Sequence[RoomChange]:
        """What it noticed."""
        return [change for change, _ in self._pipeline.room.background.changes]

    def step(self, k: int, raw: Periods | None, keypoints: Keypoints) -> Array | None:
        """Joints (15, 3) [m] as published for period k; raw None: silence."""
        start_ns, delay = _begin_ns(k, self._rate_hz), self._home.sound.delay_samples
        estimate = sense_period(self._pipeline, raw, self._layout, [keypoints], k, start_ns, delay)
        return None if estimate is None else estimate.people[0].pose.joints

    def watch(self, seen: Sequence[Keypoints], raw: Sequence[Periods] | None) -> Array:
        """Mean error of the joints [cm] (N,) over the whole time. seen: in each period."""
        out = np.full(len(self._home.joints), np.nan)
        for k, (keypoints, true) in enumerate(zip(seen, self._home.joints, strict=True)):
            pose = self.step(k, None if raw is None else raw[k], keypoints)
            if pose is not None:
                out[k] = 100.0 * float(np.linalg.norm(pose - true[:N_JOINTS], axis=1).mean())
        return out


def _begin_ns(k: int, rate_hz: float) -> int:
    return round(1e9 * (1.0 + k / rate_hz))
