"""One person walks about: height, tilt and roll of the camera, and the scale from sound.

The neck of a person who walks stays at a constant height above the ankles, along the vertical. From
all places in the image together follow tilt, roll and the ratio of that height to the camera's; one
of the two heights, when it is known, gives metres. The distance by sound is then compared with that
of the ankles on the floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from edge.behaviour.mounting.camera_height import HEIGHT
from edge.core.arrays import Array
from edge.core.calibration_file import MountingPart, ScalePart, Step
from edge.core.contracts import Problem
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Camera, Rig
from edge.core.stature import BodySize
from edge.lifting.lifter import Lifter
from edge.sensor.loops import replayed
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import SensorPlan
from edge.sound.deconvolution import Correction
from edge.sound.pose_kernel import Kernels
from edge.tools.calibration.charuco import mounted, tilt_and_roll

NECK, RIGHT_ANKLE, LEFT_ANKLE = 1, 11, 14
ANKLE_M = 0.08  # of the ankle joint above the sole
# of the standing height: the middle of the shoulders, which is what the network calls the neck
NECK_SHARE = 0.82
SURE = 0.45
LEAST_POSES = 12
LEAST_DEPTH_RATIO = 1.25  # of the farthest to the nearest place: without it tilt and height are one
ERROR_LIMIT_PX = 8.0
HEIGHT_LIMIT = 0.08
SCALE_LIMIT, SPREAD_LIMIT = 0.06, 0.15


@dataclass(frozen=True, eq=False)
class Walked:
    """Frames that show neck and both ankles. neck, ankles: (K, 2) [px], the middle of the ankles.

    by_sound_m: (K,) distance of that middle from the camera, NaN where sound gave no scale.
    crowded: frames that show several people, and were left out. off_floor: what the sensor says of
    somebody who stands above the floor, or below it.
    """

    neck: Array
    ankles: Array
    by_sound_m: Array
    crowded: int = 0
    off_floor: Problem | None = None


class WatchedLifter:
    """A lifter that keeps what it was given and its result."""

    def __init__(self, lifter: Lifter) -> None:
        self._lift = lifter
        self._rows: list[tuple[Array, Array, float]] = []
        self._crowded = 0

    def __call__(
        self,
        people: Sequence[Keypoints],
        kernels: Kernels | None,
        rig: Rig,
        sizes: Sequence[BodySize | None] = (),
    ) -> list[LiftedPose | None]:
        """See `Lifter`."""
        poses = self._lift(people, kernels, rig, sizes)
        self._crowded += len(people) > 1
        if len(people) != 1:
            return poses
        pose, p = poses[0], people[0].pixels
        if min(p[NECK, 2], p[RIGHT_ANKLE, 2], p[LEFT_ANKLE, 2]) >= SURE:
            by_sound = float("nan")
            if pose is not None and pose.scale_source == "sound":
                by_sound = float(
                    np.linalg.norm(0.5 * (pose.joints[RIGHT_ANKLE] + pose.joints[LEFT_ANKLE]))
                )
            self._rows.append(
                (p[NECK, :2], 0.5 * (p[RIGHT_ANKLE, :2] + p[LEFT_ANKLE, :2]), by_sound)
            )
        return poses

    @property
    def walked(self) -> Walked:
        """Everything so far."""
        neck, ankles, by_sound = (
            np.array([row[i] for row in self._rows], np.float64) for i in range(3)
        )
        return Walked(
            neck.reshape(-1, 2), ankles.reshape(-1, 2), by_sound.reshape(-1), self._crowded
        )


def watch_walk(plan: SensorPlan, camera: Camera, correction: Correction) -> Walked:
    """A recorded walk as the sensor will see it whose camera hangs so: a height tells the lifter
    where feet are.
    """
    pipeline = Pipeline(plan.config, replace(plan.rig, camera=camera), plan.excitation, correction)
    pipeline.pose.lift = watched = WatchedLifter(pipeline.pose.lift)
    for _ in replayed(pipeline, plan.open()):
        pass
    off_floor = [p for p in pipeline.problems if p.kind == HEIGHT]
    return replace(watched.walked, off_floor=off_floor[0] if off_floor else None)


def mounting_from_walk(
    walked: Walked, camera: Camera, person_m: float | None
) -> tuple[MountingPart | None, Step]:
    """Height, tilt and roll; None where they cannot be told.

    person_m: standing height of the person, in shoes; None: camera.height_m was measured and is
    kept.
    """
    if person_m is None and camera.height_m is None:
        found = "neither the walker's nor the camera's height is known"
        return None, Step("mounting", "open", found, "give --person-height")
    if len(walked.neck) < LEAST_POSES:
        found = f"{len(walked.neck)} frames show one person from neck to ankles"
        remedy = "walk about where the camera sees you whole"
        if walked.crowded > len(walked.neck):
            found += f", {walked.crowded} show several people"
            remedy = "walk about alone: nobody else may be in view"
        return None, Step("mounting", "open", f"{found}, but {LEAST_POSES} are needed", remedy)
    neck, feet = camera.rays(walked.neck), camera.rays(walked.ankles)

    def misfit(x: Array) -> Array:
        up = _up(x[0], x[1])
        below = np.maximum(-feet @ up, 1e-3)
        head = feet / below[:, None] + np.exp(x[2]) * up
        seen = head[:, :2] / np.maximum(head[:, 2:], 1e-3)
        return np.asarray(((seen - neck[:, :2]) * [camera.fx, camera.fy]).ravel())

    start = np.array([np.radians(camera.tilt_deg), np.radians(camera.roll_deg), np.log(1.0)])
    tries = [start + np.array([d, 0.0, s]) for d in (0.0, 0.2) for s in (-0.4, 0.2)]
    best = min(
        (least_squares(misfit, t, loss="soft_l1", f_scale=4.0) for t in tries),
        key=lambda r: float(r.cost),
    )
    up, ratio = _up(best.x[0], best.x[1]), float(np.exp(best.x[2]))
    error = float(np.sqrt(np.median(np.sum(misfit(best.x).reshape(-1, 2) ** 2, axis=1))))
    below = np.maximum(-feet @ up, 1e-3)
    depth = feet[:, 2] / below
    measured = camera.height_m
    if person_m is None:
        height = float(measured or 0.0)
    else:
        height = (NECK_SHARE * person_m - ANKLE_M) / ratio + ANKLE_M
    tilt, roll = tilt_and_roll(up)
    part = MountingPart(round(height, 4), round(tilt, 3), round(roll, 3), round(error, 3), "walk")
    found = f"{mounted(height, tilt, roll)} ({error:.1f} px left)"
    if np.quantile(depth, 0.95) < LEAST_DEPTH_RATIO * np.quantile(depth, 0.05):
        remedy = "walk towards the camera and away from it, too"
        return None, Step("mounting", "open", f"{found}, but all at one distance", remedy)
    if error > ERROR_LIMIT_PX:
        # Not written: a wrong height is worse than the configuration's.
        remedy = "walk upright and slowly on the floor, feet in view; calibrate the intrinsics"
        found = f"{found}: that is no walk on a floor"
        return None, Step("mounting", "open", found, f"{remedy} first (--board)")
    if person_m is not None and measured and abs(height / measured - 1.0) > HEIGHT_LIMIT:
        found = f"{found}, but rig.camera.height_m is {measured:.2f} m"
        return part, Step("mounting", "warning", found, "measure the camera's height again")
    return part, Step("mounting", "ok", found)


def check_scale(walked: Walked, camera: Camera) -> tuple[ScalePart | None, Step]:
    """Distances by sound over distances by the ankles on the floor.

    camera: with its height and tilt.
    """
    if camera.height_m is None:
        remedy = "give --person-height, or measure rig.camera.height_m"
        return None, Step("scale", "open", "the camera's height is not known", remedy)
    if walked.off_floor is not None:
        return None, Step("scale", "warning", walked.off_floor.what, walked.off_floor.remedy)
    rays = camera.rays(walked.ankles).reshape(-1, 3)
    below = -(rays @ camera.room_rotation[2])
    known = np.isfinite(walked.by_sound_m) & (below > 0.05)
    if known.sum() < LEAST_POSES:
        found = f"sound gave the scale in {known.sum()} of {len(known)} frames"
        remedy = "leave the room first so that it is learned, then walk; see the step room"
        return None, Step("scale", "open", f"{found}, but {LEAST_POSES} are needed", remedy)
    by_floor = np.linalg.norm(rays[known], axis=1) * (camera.height_m - ANKLE_M) / below[known]
    ratios = walked.by_sound_m[known] / by_floor
    low, middle, high = np.quantile(ratios, (0.16, 0.5, 0.84))
    part = ScalePart(round(float(middle), 4), round(float(high - low) / 2.0, 4), int(known.sum()))
    left_cm = 100.0 * float(np.median(np.abs(walked.by_sound_m[known] - by_floor)))
    found = (
        f"sound over floor contact {middle:.3f} +- {part.spread:.3f} in {part.poses} poses, "
        f"{left_cm:.0f} cm apart in the median"
    )
    if abs(middle - 1.0) > SCALE_LIMIT:
        remedy = "one of them is wrong: see the steps delay and mounting, rig.speakers_m,"
        remedy += " rig.mics_m and rig.temperature_c"
        return part, Step("scale", "warning", found, remedy)
    if part.spread > SPREAD_LIMIT:
        remedy = "walk slowly, alone, with the whole body in view"
        return part, Step("scale", "warning", found, remedy)
    return part, Step("scale", "ok", found)


def _up(tilt: float, roll: float) -> Array:
    """Unit vector upwards in the camera frame, angles in radians."""
    return np.array([-np.sin(roll) * np.cos(tilt), -np.cos(roll) * np.cos(tilt), -np.sin(tilt)])
