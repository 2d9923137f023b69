"""What the periods before the present one could add: the networks' pictures of the last K averaged,
against the tracker.

And what they could take away: a channel for moving targets would at best leave nothing of the room.

People move as a whole: who walks goes where they face, the others hardly stir. Their limbs keep
their place.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.behaviour.track import Tracker
from edge.core.arrays import Array, FloatArray, Rng
from edge.core.config import TrackConfig
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Rig
from edge.lifting.mirror import mirrored_rig
from edge.lifting.network_lifter import NetworkLifter
from edge.lifting.ray_decoder import DecodedPose
from edge.lifting.rays import N_JOINTS, PersonView, keypoint_view
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from export.simulate.conditions import CONDITIONS
from export.simulate.samples import PERSON_EVERY_NS, SoundStage, draw_people, settle_in
from export.simulate.scenes import ScenePerson, make_scene, scene_rng

PEOPLE, FAMILY = 10, "compact"
PERIODS = 5
PERIOD_NS = 100_000_000
WALK_M_S, STIR_M_S = (0.5, 1.4), 0.15
COUNTS = (1, 2, 3, 5)
OWN, NEWEST, TRACKED = (
    "each period along its own rays",
    "all along the newest rays",
    "tracked, one period each",
)
BARE = "with nothing left of the room"
FAR_OFF_M = 0.15


@dataclass(frozen=True, eq=False)
class Moment:
    """One period: what was seen and heard, and the true joints (15, 3) [m]."""

    keypoints: Keypoints
    kernels: Kernels
    joints: Array


def errors_over_time(
    model: Path, conditions: str, rooms: int, seed: int
) -> dict[tuple[str, int], Array]:
    """Errors of the joints (N, 15) [m] in the last of PERIODS periods, by how they were used and
    how many (COUNTS).

    Rooms of the test split. Raises ModelError for a model that cannot be read.
    """
    lifter = NetworkLifter(model)
    found: dict[tuple[str, int], list[Array]] = {}
    for index in range(rooms):
        for moments, bare, rig in _moments(conditions, seed, index):
            for how, joints in _lifted(lifter, moments, bare, rig).items():
                found.setdefault(how, []).append(
                    np.linalg.norm(joints - moments[-1].joints, axis=1)
                )
    return {how: np.array(rows) for how, rows in found.items()}


def frames_table(errors: dict[tuple[str, int], Array]) -> str:
    """Markdown, a row for each use."""
    lines = [
        "| periods | used | people | MPJPE median / mean (cm) | PCK 15 cm (%) |",
        "|---|---|---|---|---|",
    ]
    for (how, count), rows in errors.items():
        each = 100.0 * rows.mean(axis=1)
        near = 100.0 * float((rows < FAR_OFF_M).mean())
        lines.append(
            f"| {count} | {how} | {len(rows)} | {np.median(each):.1f} / {each.mean():.1f} | {near:.1f} |"
        )
    return "\n".join(lines)


def _moments(conditions: str, seed: int, index: int) -> Iterator[tuple[list[Moment], Kernels, Rig]]:
    """Everybody in one room over PERIODS periods, of the last the kernels of body and noise alone,
    and the rig.

    Those are left out whom the sensor is deaf to.
    """
    scene = make_scene("test", seed, index, PEOPLE, FAMILY, conditions)
    stage = SoundStage(scene, scene_rng("test", seed, index, 1))
    draws, bodies, noises = draw_people(stage, "test", seed, index)
    settle_in(stage, noises, conditions, "test", seed, index)
    camera, rate, band = scene.rig.true.camera, stage.rate_hz, scene.rig.excitation.band_hz
    for number, (person, body, rng) in enumerate(zip(scene.people, bodies, draws, strict=True)):
        step_m = camera.from_room(_velocity(person, rng) * PERIOD_NS * 1e-9) - camera.from_room(
            np.zeros(3)
        )
        moments = []
        for k in range(PERIODS):
            before = k - PERIODS + 1
            moved = replace(
                person,
                vertices=(person.vertices + before * step_m).astype(person.vertices.dtype),
                joints=person.joints + before * step_m,
            )
            # The same folds of the clothes each time.
            spectra = (
                stage.body(moved, scene_rng("test", seed, index, 10 + number)) if before else body
            )
            keypoints = CONDITIONS[conditions].keypoints(rng, moved.joints, camera)
            t_ns = (number + 1) * PERSON_EVERY_NS + k * PERIOD_NS
            before_noise = copy.deepcopy(rng)
            heard = stage.listen(moved, spectra, keypoints, noises[number], t_ns, rng)
            if heard is not None:
                kernels = make_kernels(analytic_signal(heard[0], rate, band), rate, band)
                moments.append(Moment(keypoints, kernels, moved.joints[:N_JOINTS]))
        if heard is not None and len(moments) == PERIODS:
            alone = stage.body_alone(moved, spectra, before_noise).real
            bare = make_kernels(
                analytic_signal(alone + heard[0] - heard[1], rate, band), rate, band
            )
            yield moments, bare, scene.rig.measured


def _velocity(person: ScenePerson, rng: Rng) -> Array:
    """In the room (3,) [m/s]."""
    walks = person.posed.pose.kind == "walk"
    heading = np.radians(person.heading_deg) if walks else rng.uniform(0.0, 2.0 * np.pi)
    speed = rng.uniform(*WALK_M_S) if walks else abs(rng.normal(0.0, STIR_M_S))
    return speed * np.array([np.sin(heading), -np.cos(heading), 0.0])


def _lifted(
    lifter: NetworkLifter, moments: list[Moment], bare: Kernels, rig: Rig
) -> dict[tuple[str, int], Array]:
    """Joints (15, 3) in the last period; nothing where too few of them were seen in one."""
    own: dict[int, list[DecodedPose]] = {n: [] for n in COUNTS}
    newest: dict[int, list[DecodedPose]] = {n: [] for n in COUNTS}
    each: list[list[DecodedPose]] = [[] for _ in moments]
    alone: list[DecodedPose] = []
    for mirror in (False, True):
        heard_by = mirrored_rig(rig) if mirror else rig
        views = [keypoint_view(m.keypoints, rig, mirror=mirror) for m in moments]
        if any(v is None for v in views):
            return {}
        looks = [_Look(lifter, v, heard_by) for v in views if v is not None]
        pictures = [look.picture(m.kernels) for look, m in zip(looks, moments, strict=True)]
        again = [looks[-1].picture(m.kernels) for m in moments]
        for k, (look, picture) in enumerate(zip(looks, pictures, strict=True)):
            each[k].append(look.lift([picture]))
        alone.append(looks[-1].lift([looks[-1].picture(bare)]))
        for n in COUNTS:
            own[n].append(looks[-1].lift(pictures[-n:]))
            newest[n].append(looks[-1].lift(again[-n:]))
    out = {(OWN, n): pair[0].with_mirror_image(pair[1]).joints for n, pair in own.items()}
    out |= {
        (NEWEST, n): pair[0].with_mirror_image(pair[1]).joints
        for n, pair in newest.items()
        if n > 1
    }
    out[BARE, 1] = alone[0].with_mirror_image(alone[1]).joints
    track = Tracker(TrackConfig())
    for k, pair in enumerate(each):
        tracked = track(
            _pose(pair[0].with_mirror_image(pair[1]), lifter.card.sound_threshold),
            (k + 1) * PERIOD_NS,
        )
    return out | {(TRACKED, len(moments)): tracked.joints}


class _Look:
    """One view of one period: what the image believes, and pictures of sound along its rays."""

    def __init__(self, lifter: NetworkLifter, view: PersonView, rig: Rig) -> None:
        self._lifter, self._view, self._rig = lifter, view, rig
        self._log_depth, self._xy = lifter.see(view)

    def picture(self, kernels: Kernels) -> tuple[FloatArray, ...]:
        return self._lifter.card.form.inputs(
            self._view, self._log_depth, self._xy, kernels, self._rig
        )

    def lift(self, pictures: list[tuple[FloatArray, ...]]) -> DecodedPose:
        """From the mean of the pictures' sound; all else is as in the last."""
        sound = np.stack([p[0] for p in pictures]).mean(axis=0, dtype=np.float32)
        return self._lifter.answer(
            (sound, *pictures[-1][1:]), self._log_depth, self._xy, self._view
        )


def _pose(lifted: DecodedPose, threshold: float) -> LiftedPose:
    return LiftedPose(
        joints=lifted.joints,
        sigma=lifted.sigma,
        confidence=np.ones(N_JOINTS),
        scale_source="sound" if lifted.sound >= threshold else "height",
        sir_db=float("nan"),
        echo_range_m=float("nan"),
        sound_confidence=lifted.sound,
    )
