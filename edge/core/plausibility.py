"""Numbers that cannot be: the one place that says which geometry, band or calibration makes no
sense, and which unit was probably meant. Every check gives one sentence, "" where all is well.
"""

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import N_JOINTS
from edge.core.rig import Camera, Rig
from edge.core.stature import standing_height

# An array that one sound card records, and the loudspeaker beside it; pairs that stand about a
# room, as in the public dataset, are at most a hall apart [m].
ARRAY_M, ROOM_M = 1.5, 25.0
# Microphones nearer than this are one microphone listed twice [m]. So are two loudspeakers.
APART_M = 0.003
# From the camera to its array, and how far a thing may seem to lie below a floor that was not
# measured exactly [m].
BESIDE_CAMERA_M, BELOW_FLOOR_M = 5.0, 0.3
# Lenses from a telephoto to a fisheye: the angle that the image's width covers [deg].
VIEW_DEG = (5.0, 175.0)
PIXELS_SQUARE = 1.25
RADIAL, TANGENTIAL = 100.0, 1.0
CAMERA_HEIGHT_M = (0.15, 6.0)
LEAST_BAND_HZ = 300.0
GAIN_DB = 24.0
ELECTRONIC_DELAY_S = 0.05

# Standing heights from a baby that just stands to the tallest people [m].
_STANDING_M = (0.55, 2.4)
_UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
# From the middle of the body to its farthest joint [m].
_REACH_M = 2.0


def rig_problem(rig: Rig, *, one_card: bool) -> str:
    """Why a rig cannot be. one_card: its microphones belong to one sound card."""
    limit = ARRAY_M if one_card else ROOM_M
    for name, places in (("mics_m", rig.mics), ("speakers_m", rig.speakers)):
        spread = float(np.linalg.norm(np.ptp(places, axis=0)))
        if spread > limit:
            return (
                f"rig.{name}: they are {spread:.3g} m apart, but at most {limit:g} m is possible"
                + _meant(spread, 0.1 if one_card else 4.0)
            )
        if len(places) > 1 and (near := _nearest_m(places)) < APART_M:
            return (
                f"rig.{name}: two of them are {1000 * near:.2g} mm apart, so one is listed twice "
                "or the numbers are in kilometres; give every place in metres"
            )
    used = rig.speakers[rig.pairs[:, 0]] - rig.mics[rig.pairs[:, 1]]
    apart = float(np.linalg.norm(used, axis=1).max())
    limit = 2 * ARRAY_M if one_card else ROOM_M
    if apart > limit:
        return (
            f"rig.speakers_m: a loudspeaker is {apart:.3g} m from its microphone, but at most "
            f"{limit:g} m is possible" + _meant(apart, 0.1)
        )
    if rig.different_pairs < len(rig.pairs):
        return "rig.pairs: one is listed twice; leave it out"
    if one_card and (problem := _placing_problem(rig, float(np.linalg.norm(used, axis=1).min()))):
        return problem
    return camera_problem(rig.camera)


def _placing_problem(rig: Rig, nearest_m: float) -> str:
    """Why a sensor's own array cannot be there. nearest_m: loudspeaker to microphone."""
    if nearest_m < APART_M:
        return (
            f"rig.speakers_m: a loudspeaker is {1000 * nearest_m:.2g} mm from a microphone, so one "
            "of the two places is wrong; give every place in metres"
        )
    things = np.concatenate([rig.speakers, rig.mics])
    far = float(np.linalg.norm(things, axis=1).max())
    if far > BESIDE_CAMERA_M:
        return (
            f"rig.mics_m, rig.speakers_m: {far:.3g} m from the camera, but at most "
            f"{BESIDE_CAMERA_M:g} m is possible" + _meant(far, 0.1)
        )
    camera = rig.camera
    height_known = camera.height_m is not None and not height_problem(camera.height_m)
    if height_known and (lowest := float(camera.to_room(things)[:, 2].min())) < -BELOW_FLOOR_M:
        return (
            f"rig.mics_m, rig.speakers_m: one is {-lowest:.2g} m below the floor, which is "
            f"{camera.height_m:g} m below the camera (rig.camera.height_m); y points down, in "
            "metres from the camera"
        )
    return ""


def zone_problem(corners: tuple[tuple[float, float], ...]) -> str:
    """Why nobody can be seen in a zone, by its corners on the floor in the room frame [m]."""
    points = np.array(corners)
    near = float(np.linalg.norm(points, axis=1).min())
    if near > ROOM_M:
        return (
            f"its nearest corner is {near:.3g} m away, but at most {ROOM_M:g} m is possible"
            + _meant(near, 2.0)
        )
    if points[:, 1].max() <= 0.0:
        return (
            "all of it lies behind the camera, where nobody is seen; give [x, y], x to the right "
            "and y away from the camera"
        )
    return ""


def camera_problem(camera: Camera) -> str:
    """Why a camera cannot be, by its intrinsics [px] and its mounting."""
    for name, at, size in (("cx", camera.cx, camera.width), ("cy", camera.cy, camera.height)):
        if not 0.0 <= at <= size:
            return (
                f"rig.camera.{name}: found {at:g}, but the image has {size} pixels there: these "
                "intrinsics belong to another image size; calibrate at this one"
            )
    view = 2 * np.degrees(np.arctan(camera.width / (2 * camera.fx)))
    if not VIEW_DEG[0] <= view <= VIEW_DEG[1]:
        return (
            f"rig.camera.fx: {camera.fx:g} pixels let {camera.width} of them see {view:.3g} "
            f"degrees, but lenses see {VIEW_DEG[0]:g} to {VIEW_DEG[1]:g}: give the focal length "
            "in pixels of this image size"
        )
    ratio = camera.fx / camera.fy
    if not 1 / PIXELS_SQUARE <= ratio <= PIXELS_SQUARE:
        return (
            f"rig.camera.fx, fy: found {camera.fx:g} and {camera.fy:g}, but pixels are nearly "
            "square: these intrinsics belong to another image size"
        )
    k1, k2, p1, p2, k3 = camera.distortion
    if max(abs(k1), abs(k2), abs(k3)) > RADIAL or max(abs(p1), abs(p2)) > TANGENTIAL:
        return (
            f"rig.camera.distortion: found {list(camera.distortion)}, but lenses have k1, k2, k3 "
            f"within {RADIAL:g} and p1, p2 within {TANGENTIAL:g}; calibrate again"
        )
    if camera.height_m is not None and (problem := height_problem(camera.height_m)):
        return f"rig.camera.height_m: {problem}"
    return ""


def height_problem(height_m: float) -> str:
    """Why a camera cannot be so high above the floor [m]."""
    if CAMERA_HEIGHT_M[0] <= height_m <= CAMERA_HEIGHT_M[1]:
        return ""
    return (
        f"found {height_m:g}, but {CAMERA_HEIGHT_M[0]:g} to {CAMERA_HEIGHT_M[1]:g} m above the "
        "floor is possible" + _meant(height_m, 1.5)
    )


def band_problem(band_hz: tuple[float, float]) -> str:
    """Why a band [Hz] cannot tell distances."""
    width = band_hz[1] - band_hz[0]
    if width >= LEAST_BAND_HZ:
        return ""
    return (
        f"band_hz: [{band_hz[0]:g}, {band_hz[1]:g}] is {width:g} Hz wide, but an echo is told from "
        f"the next only with {LEAST_BAND_HZ:g} Hz or more; kilohertz?"
    )


def electronics_problem(delay_s: float, gain_db: tuple[float, ...], mics: int) -> str:
    """Why a calibration's electronics cannot be. mics: how many microphones the rig has."""
    if len(gain_db) != mics:
        return f"gain_db: found {len(gain_db)} values, but there are {mics} microphones"
    if gain_db and max(map(abs, gain_db)) > GAIN_DB:
        worst = max(gain_db, key=abs)
        return (
            f"gain_db: found {worst:g}, but microphones of one array differ by less than "
            f"{GAIN_DB:g} dB"
        )
    if abs(delay_s) > ELECTRONIC_DELAY_S:
        return (
            f"delay_s: found {delay_s:g}, but electronics delay by less than "
            f"{ELECTRONIC_DELAY_S:g} s"
            + ("; milliseconds?" if abs(delay_s) < 1000 * ELECTRONIC_DELAY_S else "")
        )
    return ""


def length_unit(joints: Array) -> str:
    """The unit that bone lengths tell: "m", "cm", "mm", or "" where none fits.

    joints: (25, 3) in BODY_25 order, NaN where unknown. The median bone counts, so one wild joint
    changes nothing.
    """
    height = standing_height(joints[:N_JOINTS])
    low, high = _STANDING_M
    return next((unit for unit, per_m in _UNITS.items() if low <= height / per_m <= high), "")


def wild_joints(joints: Array) -> Array:
    """Which joints (25,) bool cannot belong to the body; joints in metres, NaN counts as not wild.

    The middle of the body is the median of its joints.
    """
    far = np.linalg.norm(joints - np.nanmedian(joints, axis=0), axis=1)
    return np.asarray(np.nan_to_num(far, nan=0.0) > _REACH_M)


def _nearest_m(places: Array) -> float:
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    return float(apart[np.triu_indices(len(places), 1)].min())


def _meant(found: float, usual: float) -> str:
    """The unit in which a length [m] would be usual."""
    for unit in ("cm", "mm"):
        if 0.3 <= found / _UNITS[unit] / usual <= 5.0:
            return f"; the numbers look like {unit}, give metres"
    return "; give metres"
