"""Joints and keypoints of a dataset's sample, person by person: shapes, units, what cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Rng
from edge.core.errors import SessionError
from edge.core.plausibility import ROOM_M, length_unit, wild_joints
from edge.core.pose import BODY_25
from edge.core.rig import Camera
from edge.core.stature import standing_height

DETECTOR_NOISE_PX = 3.0
IN_FRONT_M = 0.1  # nearer to the camera than this nothing is seen
PER_M = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
MOST_PEOPLE = 16


def people_joints(gnd: npt.NDArray[Any], path: Path) -> Array:
    """The content of gnd.npy, (25 to 49, 3) or (Q, 25 to 49, 3) -> (Q, 25, 3) [m], NaN where a
    joint is missing. Raises SessionError that names file, person and what is wrong.
    """
    people = gnd[None] if gnd.ndim == 2 else gnd
    if (
        people.ndim != 3
        or people.shape[2] != 3
        or not 1 <= len(people) <= MOST_PEOPLE
        or not len(BODY_25) <= people.shape[1] <= 49
    ):
        raise SessionError(
            f"{path}: shape {gnd.shape}, but (25 to 49, 3), or (people, 25 to 49, 3) of at most "
            f"{MOST_PEOPLE} people, is needed"
        )
    return np.stack([_body_25(one, _named(path, k, len(people))) for k, one in enumerate(people)])


def people_pixels(pixels: npt.NDArray[Any], people: int, path: Path, camera: Camera) -> Array:
    """The content of keypoints.npy -> (Q, 25, 3) for as many `people`. Raises SessionError."""
    shape = (people, len(BODY_25), 3)
    if pixels.shape != shape and (people > 1 or pixels.shape != shape[1:]):
        raise SessionError(
            f"{path}: shape {pixels.shape}, but {shape[1:] if people == 1 else shape} is needed"
        )
    pixels = pixels.reshape(shape).astype(np.float64)
    for k, one in enumerate(pixels):
        _check_pixels(one, _named(path, k, people), camera)
    return pixels


def projected(joints: Array, camera: Camera, rng: Rng) -> Array:
    """Keypoints (Q, 25, 3) of joints (Q, 25, 3) by projection with a detector's noise."""
    pixels = np.zeros((len(joints), 25, 3))
    pixels[..., :2] = np.nan
    seen = np.isfinite(joints).all(axis=-1) & (np.nan_to_num(joints[..., 2]) > IN_FRONT_M)
    pixels[seen, :2] = camera.project(joints[seen])
    pixels[..., :2] += rng.normal(0.0, DETECTOR_NOISE_PX, (len(joints), 25, 2))
    pixels[seen, 2] = 1.0
    return pixels


def _named(path: Path, person: int, people: int) -> str:
    return str(path) if people == 1 else f"{path}, person {person + 1} of {people}"


def _check_pixels(pixels: Array, name: str, camera: Camera) -> None:
    """Raises SessionError for 2D joints that no detector gives; a joint that is not seen may be
    anywhere, or NaN.
    """
    confidence = pixels[:, 2]
    if not ((confidence >= 0.0) & (confidence <= 1.0)).all():
        raise SessionError(f"{name}: confidences must be 0 to 1")
    seen = pixels[confidence > 0.0, :2]
    far = 10.0 * max(camera.width, camera.height)
    if not (np.abs(seen) <= far).all():
        raise SessionError(
            f"{name}: a joint is farther than {far:g} pixels from the image, or no number, but "
            "counts as seen; pixels of this camera are needed"
        )


def _body_25(gnd: npt.NDArray[Any], name: str) -> Array:
    joints = gnd[:25].astype(np.float64)
    missing = np.asarray(~np.isfinite(joints).all(axis=1) | (joints == 0).all(axis=1))
    joints[missing] = np.nan
    unit = "" if missing.all() else length_unit(joints)
    if unit in ("m", "mm"):
        joints /= PER_M[unit]
        joints[wild_joints(joints)] = np.nan
    missing = np.asarray(np.isnan(joints).any(axis=1))
    if missing[:15].sum() > 7:
        raise SessionError(
            f"{name}: {missing[:15].sum()} of the first 15 joints are missing or far from "
            "the others, at most 7 may be"
        )
    if unit not in ("m", "mm"):
        found = "centimetres" if unit else f"a body of {standing_height(joints[:15]):.3g} m"
        raise SessionError(
            f"{name}: its bone lengths say {found}, but metres or millimetres are needed"
        )
    if not (joints[:, 2] > IN_FRONT_M).any():
        raise SessionError(
            f"{name}: no joint lies in front of the camera; z must grow away from it"
        )
    away_m = float(np.linalg.norm(np.nanmedian(joints, axis=0)))
    if away_m > ROOM_M:
        raise SessionError(
            f"{name}: the person is {away_m:.3g} m away, but at most {ROOM_M:g} m is "
            "possible in a room"
        )
    return joints
