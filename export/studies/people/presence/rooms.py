"""People before a sensor, of whom some are there and others are pictures: what its sound says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge.behaviour.people import Sight
from edge.behaviour.presence import Echo
from edge.core.arrays import Array, Rng
from edge.core.config import Config, DeviceConfig, ExcitationConfig, LifterConfig, SourceConfig
from edge.core.config.estimation import LifterKind
from edge.core.pose import N_JOINTS, Keypoints, LiftedPose
from edge.core.rig import Camera
from edge.sensor.empty_room import PeriodResponses, Sights
from edge.sensor.pipeline import Pipeline
from edge.sound.pose_kernel import Kernels
from export.bodies.acting import RATE_HZ
from export.bodies.body import Body, pose_body, sample_body
from export.bodies.poses import sample_pose
from export.simulate.conditions import joints_in_view
from export.simulate.electronics import RESPEAKER_USB_V2
from export.simulate.moving.imageless import sense_period
from export.simulate.moving.scripts import sample_view
from export.simulate.moving.sights import sights
from export.simulate.recording import Recording, RecordingConditions
from export.simulate.sessions import respeaker_rig

EMPTY, BETWEEN, SHOWN = 25, 4, 6  # periods: at first, between two moments, of a moment
MOMENTS = 14
DISTANCES_M = (0.9, 7.0)  # evenly spread in their logarithm
TWO, OTHER, APART_M = 0.35, 0.3, (0.3, 2.0)  # shares with two in view, and somebody out of view
SIR_DB = (-6.0, 22.0)
LEAST_SEEN, TRIES = 9, 30  # of the first 15 joints


@dataclass(frozen=True, slots=True)
class Heard:
    """What one period told of somebody in view. moment: number of the room's. there: no picture."""

    room: int
    moment: int
    there: bool
    confidence: float
    distance_m: float
    over_noise_db: float


class _Sensor(Pipeline):
    """Keeps what each new period tells."""

    told: Sequence[tuple[Keypoints, LiftedPose, Echo]] = ()

    def _hear_people(
        self,
        posed: Sequence[Sight],
        lifted: Sequence[LiftedPose | None],
        then: Sights,
        sound: PeriodResponses,
        kernels: Kernels,
    ) -> list[Echo | None]:
        echoes = super()._hear_people(posed, lifted, then, sound, kernels)
        self.told = [
            (keypoints, pose, echo)
            for (_, keypoints), pose, echo in zip(posed, lifted, echoes, strict=True)
            if pose is not None and echo is not None
        ]
        return echoes


class PresenceRoom:
    """A room in which people come into view one or two at a time; each is there or a picture, as a
    coin falls, and now and then somebody is there out of view. Of half of the rooms the camera's
    height is not known.
    """

    def __init__(self, lifter: LifterKind, number: int, seed: int) -> None:
        """lifter: of the sensor. seed, number: of everything in it. Raises SessionError."""
        self._number, self._rng = number, np.random.default_rng([seed, number])
        rng = self._rng
        self._camera = sample_view(rng)
        self._poses = np.array([self._people() for _ in range(MOMENTS)])
        rig = respeaker_rig(self._camera)
        conditions = RecordingConditions(
            sir_db=float(rng.uniform(*SIR_DB)), wall_order=1, drift_c_per_minute=0.0, mutual=False
        )
        self._recording = Recording(
            rig,
            ExcitationConfig(),
            RESPEAKER_USB_V2,
            self._poses,
            seed=int(rng.integers(1 << 30)),
            conditions=conditions,
        )
        config = Config(
            DeviceConfig("room"),
            SourceConfig("replay", "", realtime=False),
            lifter=LifterConfig(lifter),
        )
        if rng.random() < 0.5:
            rig = replace(rig, camera=replace(rig.camera, height_m=None))
        self._sensor = _Sensor(config, rig, self._recording.excitation)
        self._count = 0

    def __iter__(self) -> Iterator[Heard]:
        nobody = np.full((3, 25, 3), np.nan)
        self._wait(nobody, EMPTY)
        for moment, people in enumerate(self._poses):
            there = self._rng.random(3) < [0.5, 0.5, 1.0]
            self._sensor.associate.forget()
            self._wait(nobody, BETWEEN)
            sway = self._rng.normal(0.0, 0.03, (3, 1, 3)) * np.array([1.0, 0.0, 1.0])
            for k in range(SHOWN):
                joints = people + k * sway + self._rng.normal(0.0, 0.004, people.shape)
                heard = np.where(there[:, None, None], joints, np.nan)
                rows = self._period(heard, joints[:2])
                for keypoints, pose, echo in self._sensor.told:
                    yield Heard(
                        self._number,
                        moment,
                        bool(there[rows[id(keypoints)]]),
                        echo.confidence,
                        pose.mid_hip_distance_m,
                        echo.over_noise_db,
                    )

    def _people(self) -> Array:
        """Two in view, the second one NaN where there is one, and one out of view or NaN."""
        rng, camera = self._rng, self._camera
        out = np.full((3, 25, 3), np.nan)
        distance = float(np.exp(rng.uniform(*np.log(DISTANCES_M))))
        side = float(rng.choice([-1.0, 1.0]))
        out[0] = _in_view(rng, camera, distance, side)
        if rng.random() < TWO:
            other = distance + float(rng.choice([-1.0, 1.0])) * rng.uniform(*APART_M)
            out[1] = _in_view(rng, camera, float(np.clip(other, *DISTANCES_M)), -side)
        if rng.random() < OTHER:
            away = float(rng.uniform(1.0, 3.5))
            beside = float(rng.choice([-1.0, 1.0])) * (0.67 * away + 0.7)
            out[2] = _standing(rng, camera, sample_body(rng), beside, away)
        return out

    def _wait(self, nobody: Array, periods: int) -> None:
        for _ in range(periods):
            self._period(nobody, nobody)

    def _period(self, heard: Array, shown: Array) -> dict[int, int]:
        """One period with people heard (3, 25, 3) and shown (Q, 25, 3): rows of those found."""
        self._count += 1
        start_ns = round(1e9 * (1.0 + self._count / RATE_HZ))
        raw = self._recording.period(heard, self._count)
        found = sights(self._rng, shown, self._camera)
        self._sensor.told = ()
        keypoints, layout = [k for _, k in found], self._recording.layout
        sense_period(self._sensor, raw, layout, keypoints, self._count, start_ns)
        return {id(k): row for row, k in found}


def _in_view(rng: Rng, camera: Camera, distance_m: float, side: float) -> Array:
    """Somebody (25, 3) to one side of the image, camera frame; the last try where none is well in
    view.
    """
    body = sample_body(rng)
    for _ in range(TRIES):
        beside = side * distance_m * float(rng.uniform(0.1, 0.35))
        joints = _standing(rng, camera, body, beside, distance_m)
        if joints_in_view(camera, joints[:N_JOINTS]).sum() >= LEAST_SEEN:
            break
    return joints


def _standing(rng: Rng, camera: Camera, body: Body, beside_m: float, away_m: float) -> Array:
    posed = pose_body(body, sample_pose(rng, body)).joints.astype(np.float64)
    return camera.from_room(posed + np.array([beside_m, away_m, 0.0]))
