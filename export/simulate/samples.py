"""From a scene to samples: sound in the room, its recording, the runtime's front end."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import ComplexArray, Rng
from edge.sources.session.dataset import Sample, write_environment, write_sample
from export.acoustics.room_response import Reflector
from export.bodies.body import Split
from export.simulate.conditions import CONDITIONS, joints_in_view
from export.simulate.moments.casting import DISTANCE_M, Moment, Poses, ScenePerson
from export.simulate.moments.scene_sound import SceneSound
from export.simulate.scenes import make_scene, scene_rng

PERSON_EVERY_NS = 10**10
REDRAW_DB, REDRAWS = 6.0, 8


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment to make: moments seen one after the other by one rig in one room.

    people: least and most in each moment. clean: also write each sample's response without noise
    (rir_clean.npy). conditions: one of `conditions.CONDITIONS`. changes: how many changes of the
    room to write (rir_changes.npy). poses: that people take. distance_m: of the people from the
    camera. heights_m: of the people; None: as people are. Equal plans give equal files.
    """

    split: Split
    seed: int
    index: int
    samples: int
    family: str
    clean: bool = False
    conditions: str = "field"
    people: tuple[int, int] = (1, 1)
    changes: int = 0
    poses: Poses = "everyday"
    distance_m: tuple[float, float] = DISTANCE_M
    heights_m: tuple[float, float] | None = None

    def rng(self, purpose: int) -> Rng:
        """The generator of one purpose of this environment's scene."""
        return scene_rng(self.split, self.seed, self.index, purpose)


def simulate_environment(plan: EnvironmentPlan, folder: Path) -> int:
    """Write one environment to a folder; returns the number of its samples. Raises ConfigError for
    an unknown family of rigs.
    """
    scene = make_scene(
        plan.split,
        plan.seed,
        plan.index,
        plan.samples,
        plan.family,
        plan.conditions,
        plan.people,
        plan.poses,
        plan.distance_m,
        plan.heights_m,
    )
    sound = SceneSound(scene, plan.rng(1))
    draws = [plan.rng(10 + k) for k in range(len(scene.moments))]
    recorded = [_heard(sound, m, rng) for m, rng in zip(scene.moments, draws, strict=True)]
    # The room is learned amid the moments' median noise.
    noise = float(
        np.median([sound.noise_rms(r.moment, r.bodies, r.moment.sir_db) for r in recorded])
    )
    empty = sound.learn_empty(noise, plan.rng(2))
    past = plan.rng(3)
    if past.random() >= CONDITIONS[plan.conditions].fresh:
        sound.learn_drift(noise, past)
    changes = sound.random_changes(plan.changes, plan.rng(4)) if plan.changes else None
    rig, band = scene.rig.measured, scene.rig.excitation.band_hz
    write_environment(folder, rig, sound.rate_hz, band, empty, changes)
    written = 0
    for number, (heard, rng) in enumerate(zip(recorded, draws, strict=True)):
        sample = _sample(sound, number, heard, rng, plan)
        if sample is not None:
            write_sample(folder, sample)
            written += 1
    return written


@dataclass(frozen=True, eq=False)
class _Heard:
    """A moment and what its people change in the room, spectra (S, M, F)."""

    moment: Moment
    reflectors: list[Reflector]
    bodies: ComplexArray


def _heard(sound: SceneSound, moment: Moment, rng: Rng) -> _Heard:
    reflectors = sound.reflectors(moment, [rng] * len(moment.people))
    return _Heard(moment, reflectors, sound.bodies(moment, reflectors, rng))


def _sample(
    sound: SceneSound, number: int, heard: _Heard, rng: Rng, plan: EnvironmentPlan
) -> Sample | None:
    """None where the background rejects the period: the device gives no kernel there."""
    camera = sound.scene.rig.true.camera
    moment, bodies = heard.moment, heard.bodies
    given = CONDITIONS[plan.conditions]
    keypoints = tuple(given.keypoints(rng, p.joints, camera, p.hidden) for p in moment.people)
    sir_db = moment.sir_db
    for _ in range(REDRAWS):
        noise_rms = sound.noise_rms(moment, bodies, sir_db)
        t_ns = (number + 1) * PERSON_EVERY_NS
        kernels = sound.kernels(moment, bodies, keypoints, noise_rms, t_ns, rng)
        if kernels is not None:
            break
        # The device drops a period that does not look like its room: too much noise, or air that
        # has drifted too far.
        sir_db += REDRAW_DB
        moment = replace(moment, warmth_c=0.5 * moment.warmth_c)
    else:
        return None
    noisy, clean = kernels
    own = [_of_person(sound, p) for p in moment.people]
    info = _info(sound, plan)
    last = {
        "sir_db": round(sir_db, 2),
        "noise_rms": float(np.sqrt(np.mean((noisy - clean) ** 2))),
        "warmth_c": round(moment.warmth_c, 3),
    }
    clothes = [
        {"echo_gain": round(p.echo_gain, 3), "roughness_m": round(p.roughness_m, 5)}
        for p in moment.people
    ]
    if len(own) == 1:
        info |= own[0] | {"camera_height_m": info.pop("camera_height_m")} | last | clothes[0]
    else:
        levels = sound.levels_db(moment, heard.reflectors, noise_rms)
        persons = [
            {
                "standing": p.standing,
                "hidden_joints": int(p.hidden[:15].sum()),
                "direct_db": round(level, 2),
                "shaded_db": round(shaded, 2),
            }
            | facts
            | cloth
            for p, (level, shaded), facts, cloth in zip(
                moment.people, levels, own, clothes, strict=True
            )
        ]
        info |= {"people": len(own), "standing": moment.standing} | last | {"persons": persons}
    joints = np.stack([p.joints for p in moment.people])
    return Sample(str(number), noisy, joints, keypoints, info, clean if plan.clean else None)


def _info(sound: SceneSound, plan: EnvironmentPlan) -> dict[str, Any]:
    """What info.json says of room and rig."""
    scene = sound.scene
    return {
        "source": "simulated",
        "split": scene.split,
        "conditions": plan.conditions,
        "room": scene.name,
        "room_size_m": np.round(scene.room.size_m, 3).tolist(),
        "t60_s": round(scene.room.reverberation_s, 3),
        "furniture": len(scene.room.furniture),
        "tail_db": round(sound.tail.level_db, 2),
        "array": scene.rig.name,
        "band_hz": list(scene.rig.excitation.band_hz),
        "camera_height_m": round(float(scene.rig.true.camera.height_m or 0.0), 4),
    }


def _of_person(sound: SceneSound, person: ScenePerson) -> dict[str, Any]:
    """What it says of a person."""
    posed, camera = person.posed, sound.scene.rig.true.camera
    return {
        "pose": posed.pose.kind,
        "clip": posed.pose.clip,
        "body": posed.body.index,
        "height_m": round(posed.body.height_m, 4),
        "heading_deg": round(person.heading_deg, 1),
        "distance_m": round(float(np.linalg.norm(person.joints[8])), 4),
        "joints_in_view": int(joints_in_view(camera, person.joints[:15]).sum()),
    }
