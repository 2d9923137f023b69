"""How much of the empty room is left once the air has drifted, beside the echo of the person who
stands there.
"""

import copy
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from export.simulate.conditions import CONDITIONS
from export.simulate.samples import PERSON_EVERY_NS, SoundStage, draw_people
from export.simulate.scenes import make_scene, scene_rng

PEOPLE = 10
# the body's window: from this before its first joint's time of arrival to as much after its last
# one's
AROUND_S = 1e-3
DRIFTS_C = (0.0, 0.01, 0.03, 0.1, 0.4)
FAMILY = "compact"


def leftovers(rooms: int, seed: int) -> tuple[Array, Array]:
    """By how much the air had drifted (N,) [deg C] and what was left over the body's echo (N, 2)
    [dB], where it is heard.

    The two columns: a sensor that never heard its room in other air, and one that has. Rooms of the
    validation split.
    """
    drift: list[float] = []
    left: list[Array] = []
    for index in range(rooms):
        scene = make_scene("val", seed, index, PEOPLE, FAMILY, "plain")
        columns = []
        for settled in (False, True):
            stage = SoundStage(scene, scene_rng("val", seed, index, 1))
            columns.append(_of_room(stage, index, seed, settled))
        both = np.array(columns).T
        heard = np.isfinite(both).all(axis=1)
        drift.extend(abs(p.warmth_c) for p, ok in zip(scene.people, heard, strict=True) if ok)
        left.extend(both[heard])
    return np.array(drift), np.array(left)


def _of_room(stage: SoundStage, index: int, seed: int, settled: bool) -> list[float]:
    scene = stage.scene
    draws, bodies, noises = draw_people(stage, "val", seed, index)
    stage.learn_empty(float(np.median(noises)), scene_rng("val", seed, index, 2))
    if settled:
        stage.hear_drift(float(np.median(noises)), scene_rng("val", seed, index, 3))
    out = []
    for number, (person, body, rng) in enumerate(zip(scene.people, bodies, draws, strict=True)):
        camera = scene.rig.true.camera
        keypoints = CONDITIONS["plain"].keypoints(rng, person.joints, camera)
        alone = stage.body_alone(person, body, copy.deepcopy(rng)).real
        heard = stage.listen(
            person, body, keypoints, noises[number], (number + 1) * PERSON_EVERY_NS, rng
        )
        arrival = scene.rig.measured.arrival_s(person.joints[:15])
        low, high = (
            int(stage.rate_hz * t) for t in (arrival.min() - AROUND_S, arrival.max() + AROUND_S)
        )
        out.append(
            np.nan if heard is None else _db((heard[1] - alone)[:, low:high], alone[:, low:high])
        )
    return out


def leftover_table(drift_c: Array, left_db: Array) -> str:
    """Markdown: median and 90th percentile of both columns by drift."""
    lines = [
        "| drift since the room was learned | people | never heard in other air: median (90 %) | has heard a swing |",
        "|---|---|---|---|",
    ]
    for low, high in pairwise(DRIFTS_C):
        chosen = (drift_c >= low) & (drift_c < high)
        if chosen.any():
            half, most = np.percentile(left_db[chosen], [50, 90], axis=0)
            columns = " | ".join(f"{a:+.1f} ({b:+.1f}) dB" for a, b in zip(half, most, strict=True))
            lines.append(f"| {low:g}-{high:g} deg C | {chosen.sum()} | {columns} |")
    return "\n".join(lines)


def _db(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    return float(
        20.0 * np.log10(max(float(np.linalg.norm(a)), 1e-30) / max(float(np.linalg.norm(b)), 1e-30))
    )
