"""One evening through the sensor's own pipeline, with one policy, from the 2D joints on."""

import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.core.arrays import Array, FloatArray
from edge.core.config import BackgroundConfig, Config, DeviceConfig, SensingConfig, SourceConfig
from edge.core.errors import EndOfStreamError
from edge.core.pose import MID_HIP, N_JOINTS, FrameEstimate, PersonEstimate
from edge.core.rig import Rig
from edge.sensor.empty_room import PeriodResponses
from edge.sensor.loops import nearest
from edge.sensor.permissions import KEEP_ALIVE_PING_S, SEEN_S
from edge.sensor.pipeline import Pipeline, Seen
from edge.sensor.probing import Prober
from export.bodies.acting import RATE_HZ
from export.simulate.conditions import joints_in_view
from export.simulate.evening.home import Evening
from export.simulate.evening.live_source import SimulatedAudio, SimulatedCamera
from export.simulate.evening.loudspeaker import Loudspeaker
from export.simulate.evening.responses import Responses
from export.simulate.evening.script import STATES
from export.simulate.evening.watching import Found
from export.studies.quiet.empty_home import learn_from_bursts, learn_from_pings
from export.studies.quiet.policies import SPARSE_EVERY_S, SPARSE_PERIODS, Policy
from export.studies.quiet.record import SOURCES, EveningRecord

EVERY = 2  # of so many periods one has an image: five a second
LEAST_IN_VIEW = 8  # of the first 15 joints


@dataclass(frozen=True, eq=False)
class Stage:
    """All that is the same for every policy. watched: what is found in each image."""

    evening: Evening
    responses: Responses
    watched: list[Found]


def play(stage: Stage, policy: Policy, *, known_height: bool, music: FloatArray) -> EveningRecord:
    """The evening with this policy. known_height: of the camera above the floor. music: (L,) at the
    rig's rate, full scale = 1, for policies with music.
    """
    evening = stage.evening
    program = None
    if policy.music_dba is not None:
        program = Loudspeaker(evening).scaled(music, policy.music_dba)
    audio = SimulatedAudio(evening, stage.responses, program)
    camera = SimulatedCamera(evening, audio, EVERY)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = _pipeline(evening, policy, known_height, Path(folder))
    pipeline.sound_use.loudness = audio.loudspeaker.loudness
    if policy.sound.limits_dba not in (None, (0.0, 0.0)):
        learn_from_bursts(evening, stage.responses, pipeline)
    elif policy.mode == "continuous":
        learn_from_pings(evening, stage.responses, pipeline)
    return _Player(stage, policy, audio, camera, pipeline).record()


def _pipeline(evening: Evening, policy: Policy, known_height: bool, folder: Path) -> Pipeline:
    saved = folder / "room.npz"
    evening.sound.background.save(saved)
    config = Config(
        DeviceConfig("evening"),
        SourceConfig("replay", "", realtime=False),
        background=BackgroundConfig(snapshot=str(saved)),
        sound=policy.sound,
    )
    return Pipeline(config, _rig(evening, known_height), evening.sound.signal)


def _rig(evening: Evening, known_height: bool) -> Rig:
    rig = evening.sound.scene.rig.measured
    return rig if known_height else rig.without_floor


class _Player:
    """Feeds the pipeline as `live_poses` does, in simulated time."""

    def __init__(
        self,
        stage: Stage,
        policy: Policy,
        audio: SimulatedAudio,
        camera: SimulatedCamera,
        pipeline: Pipeline,
    ) -> None:
        self._stage, self._policy = stage, policy
        self._audio, self._camera, self._pipeline = audio, camera, pipeline
        self._prober = Prober(pipeline, audio, SensingConfig().keep_alive_s)
        audio.set_continuous(False)
        self._periods: deque[PeriodResponses] = deque(maxlen=32)
        self._seen_s = -np.inf
        self._viewed = np.zeros(len(stage.evening.roles))  # for how long in view [s]
        self._rows: list[_Row] = []
        self._somebody = np.zeros(stage.evening.periods, bool)

    def record(self) -> EveningRecord:
        """Play it from the beginning to the end."""
        while True:
            try:
                frame = self._camera.read(0.0)
                while (period := self._audio.read(0.0)) is not None:
                    if (responses := self._pipeline.hear(period)) is not None:
                        self._periods.append(responses)
            except EndOfStreamError:
                return self._result()
            found = self._stage.watched[frame.index]
            if found:
                self._pipeline.seen_ns = frame.t_ns
                self._seen_s = frame.t_ns * 1e-9
            skew_ns = self._pipeline.config.runtime.max_skew_ms * 1e6
            sound = nearest(self._periods, frame.t_ns, skew_ns)
            seen = Seen(frame, [keypoints for _, keypoints in found])
            estimate = self._pipeline.fuse(seen, sound, "simulated")
            self._note(frame.index * EVERY, [q for q, _ in found], estimate)
            self._steer(frame.t_ns)

    def _steer(self, t_ns: int) -> None:
        """What the loudspeaker does next."""
        policy, t_s = self._policy, t_ns * 1e-9
        seen = t_s - self._seen_s < SEEN_S
        if policy.mode == "continuous":
            alive = t_s % SensingConfig().keep_alive_s < KEEP_ALIVE_PING_S
            self._pipeline.silent = not (seen or alive)
            self._audio.set_continuous(seen or alive)
        elif policy.sparse_dba is not None:
            if seen and t_s % SPARSE_EVERY_S < EVERY / RATE_HZ:
                self._audio.probe(SPARSE_PERIODS, self._sparse_gain(policy.sparse_dba))
        elif policy.mode != "silent":
            if policy.only_s is not None and self._viewed[0] > policy.only_s:
                self._pipeline.sound_use.limit((0.0, 0.0))
            self._prober.tick(t_ns)

    def _sparse_gain(self, average_dba: float) -> float:
        louder_db = 10.0 * np.log10(SPARSE_EVERY_S * RATE_HZ / SPARSE_PERIODS)
        full_dba = self._pipeline.sound_use.dba(SPARSE_PERIODS, 1.0)
        return float(10.0 ** ((average_dba + louder_db - full_dba) / 20.0))

    def _note(self, period: int, found: list[int], estimate: FrameEstimate | None) -> None:
        evening = self._stage.evening
        true = evening.joints(period)[:, :N_JOINTS]
        camera = evening.sound.scene.rig.true.camera
        there = np.array([role.rows[period] >= 0 for role in evening.roles])
        shown = joints_in_view(camera, np.where(there[:, None, None], true, [0.0, 0.0, -1.0]))
        in_view = there & (shown.sum(axis=1) >= LEAST_IN_VIEW)
        self._somebody[period : period + EVERY] = in_view.any()
        self._viewed += in_view * EVERY / RATE_HZ
        people = [] if estimate is None else list(estimate.people)
        matched = _match(true, found, people)
        for q in found:
            if in_view[q]:
                state = STATES.index(evening.roles[q].states[period])
                pairs = 0 if estimate is None else estimate.pairs.used
                self._rows.append(
                    _Row(period, state, float(self._viewed[q]), true[q], matched.get(q), pairs)
                )

    def _result(self) -> EveningRecord:
        rows, nothing = self._rows, np.full((N_JOINTS, 3), np.nan)
        poses = [None if r.person is None else r.person.pose for r in rows]
        return EveningRecord(
            np.array([r.period for r in rows], np.int64),
            np.array([r.state for r in rows], np.int64),
            np.array([r.since_s for r in rows], np.float64),
            np.array([r.true for r in rows]).reshape(-1, N_JOINTS, 3),
            np.array([nothing if p is None else p.joints for p in poses]).reshape(-1, N_JOINTS, 3),
            np.array([nothing[:, 0] if p is None else p.sigma for p in poses]).reshape(
                -1, N_JOINTS
            ),
            np.array([-1 if p is None else SOURCES.index(p.scale_source) for p in poses], np.int64),
            np.array([r.pairs for r in rows], np.int64),
            self._audio.own_pa2,
            self._somebody,
            1.0 / RATE_HZ,
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """One person in one image."""

    period: int
    state: int
    since_s: float
    true: Array
    person: PersonEstimate | None
    pairs: int


def _match(
    true: Array, found: list[int], people: list[PersonEstimate]
) -> dict[int, PersonEstimate]:
    """Whose pose is whose, by the mid-hips' distance, whatever it is."""
    if not found or not people:
        return {}
    places = np.array([p.pose.joints[MID_HIP] for p in people])
    apart = np.linalg.norm(true[found, MID_HIP][:, None] - places[None], axis=-1)
    rows, columns = linear_sum_assignment(apart)
    return {found[r]: people[c] for r, c in zip(rows, columns, strict=True)}
