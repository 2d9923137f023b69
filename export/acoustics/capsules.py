"""A body of capsules around BODY_25 joints: the surface where joints are known and no mesh is."""

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.jit import kernel
from export.acoustics.surface import Surface

# Segment lengths over stature (Drillis and Contini 1966): how tall a person with these bones would
# be.
_STATURE_BONES = (
    (1, 8, 0.288), (9, 10, 0.245), (12, 13, 0.245), (10, 11, 0.246), (13, 14, 0.246),
    (2, 3, 0.186), (5, 6, 0.186), (3, 4, 0.146), (6, 7, 0.146),
)  # fmt: skip
# Radii over stature, from the girths of a 1.75 m adult of medium build.
_UPPER_ARM, _FOREARM, _HAND = 0.027, 0.021, 0.016
_THIGH, _SHANK, _FOOT = 0.043, 0.029, 0.020
_CHEST, _BELLY, _PELVIS, _SHOULDERS = 0.060, 0.066, 0.070, 0.035
_NECK, _HEAD = 0.031, 0.048
_NEEDED = (1, 2, 5, 8, 9, 12)
_MIDDLE_OF = ((1, (2, 5)), (8, (9, 12)))
_ROUGH_WAVES = 6


def stature(joints: Array) -> float:
    """Standing height [m] of a person with joints (J, 3), J >= 15; NaN joints are left out."""
    heights = [np.linalg.norm(joints[a] - joints[b]) / share for a, b, share in _STATURE_BONES]
    return float(np.nanmedian(heights))


def capsules_from_joints(joints: npt.ArrayLike, build: float = 1.0) -> Array:
    """Capsules (C, 7) x0 y0 z0 x1 y1 z1 radius [m] around joints (15, 3) or (25, 3) in any
    right-handed frame.

    build: girth relative to a medium build. Joints of limbs, head and feet may be NaN: such limbs
    are left out, head and feet are placed by the trunk and the shanks. Raises ValueError where
    shoulders or hips are unknown.
    """
    j = np.full((25, 3), np.nan)
    given = np.asarray(joints, np.float64)
    if given.shape not in ((15, 3), (25, 3)):
        raise ValueError(
            f"joints have shape {given.shape}: (15, 3) or (25, 3) in BODY_25 order is needed"
        )
    j[: len(given)] = given
    for middle, sides in _MIDDLE_OF:
        if np.isnan(j[middle]).any():
            j[middle] = j[list(sides)].mean(axis=0)
    unknown = [i for i in _NEEDED if np.isnan(j[i]).any()]
    if unknown:
        raise ValueError(
            f"joints {unknown} are unknown: neck, shoulders and hips are needed to place a body"
        )
    height = stature(j)
    up = _unit(j[1] - j[8])
    across = (j[5] - j[2]) + (j[12] - j[9])
    left = _unit(across - (across @ up) * up)
    forward = np.cross(left, up)
    body = _Body(height, build)
    _trunk(body, j, up, left)
    _head(body, j, up, forward)
    for shoulder, elbow, wrist in ((2, 3, 4), (5, 6, 7)):
        body.add(j[shoulder], j[elbow], _UPPER_ARM)
        body.add(j[elbow], j[wrist], _FOREARM)
        hand = _unit(j[wrist] - j[elbow]) * height
        body.add(j[wrist] + 0.015 * hand, j[wrist] + 0.07 * hand, _HAND, girth=False)
    for hip, knee, ankle, toe, heel in ((9, 10, 11, 22, 24), (12, 13, 14, 19, 21)):
        body.add(j[hip], j[knee], _THIGH)
        body.add(j[knee], j[ankle], _SHANK)
        shank = _unit(j[ankle] - j[knee]) * height
        back = (
            j[heel]
            if np.isfinite(j[heel]).all()
            else j[ankle] + 0.03 * shank - 0.01 * height * forward
        )
        front = j[toe] if np.isfinite(j[toe]).all() else back + 0.115 * height * forward
        body.add(back, front, _FOOT, girth=False)
    return np.array(body.capsules)


def capsule_surface(
    capsules: Array, spacing_m: float, rough_m: float, rng: np.random.Generator
) -> Surface:
    """Outer surface of capsules (C, 7) as patches, without those inside another capsule.

    rough_m: RMS height of folds and bumps (clothing: 4-6 mm), a texture fixed to each capsule. The
    same state of `rng` gives the same clothes in another pose.
    """
    if spacing_m <= 0.0:
        raise ValueError(f"patch spacing is {spacing_m} m: it must be positive")
    caps = np.ascontiguousarray(capsules, np.float64)
    area = (
        2.0
        * np.pi
        * caps[:, 6]
        * (np.linalg.norm(caps[:, 3:6] - caps[:, :3], axis=1) + 2.0 * caps[:, 6])
    ).sum()
    room = int(1.5 * area / spacing_m**2) + 200 * len(caps)
    waves = np.stack(
        [
            rng.uniform(-80.0, 80.0, (len(caps), _ROUGH_WAVES)),
            rng.integers(-5, 6, (len(caps), _ROUGH_WAVES)).astype(np.float64),
            rng.uniform(0.0, 2.0 * np.pi, (len(caps), _ROUGH_WAVES)),
        ],
        axis=2,
    )
    out = np.empty((room, 7))
    count = _capsule_surface(caps, spacing_m, rough_m * np.sqrt(2.0 / _ROUGH_WAVES), waves, out)
    return Surface(out[:count, :3].copy(), out[:count, 3:6].copy(), out[:count, 6].copy())


def body_surface(
    joints: npt.ArrayLike,
    spacing_m: float,
    rng: np.random.Generator,
    *,
    build: float = 1.0,
    rough_m: float = 0.005,
) -> Surface:
    """A clothed capsule body around BODY_25 joints (15 or 25, 3) [m], in the joints' frame."""
    return capsule_surface(capsules_from_joints(joints, build), spacing_m, rough_m, rng)


class _Body:
    def __init__(self, height: float, build: float) -> None:
        self.height, self.build = height, build
        self.capsules: list[Array] = []

    def add(self, start: Array, end: Array, radius: float, girth: bool = True) -> None:
        """radius: over stature. An unknown end adds nothing."""
        if np.isfinite(start).all() and np.isfinite(end).all():
            self.capsules.append(
                np.array([*start, *end, radius * self.height * (self.build if girth else 1.0)])
            )


def _trunk(body: _Body, j: Array, up: Array, left: Array) -> None:
    h, neck, hips = body.height, j[1], j[8]
    for side in (-1.0, 1.0):
        body.add(
            hips + h * (side * 0.040 * left + 0.02 * up),
            neck - h * (0.068 * up - side * 0.048 * left),
            _CHEST,
        )
    body.add(hips + 0.03 * h * up, neck - 0.068 * h * up, _BELLY)
    body.add(
        hips - 0.040 * h * left - 0.01 * h * up, hips + 0.040 * h * left - 0.01 * h * up, _PELVIS
    )
    body.add(
        0.8 * j[2] + 0.2 * neck - 0.02 * h * up, 0.8 * j[5] + 0.2 * neck - 0.02 * h * up, _SHOULDERS
    )


def _head(body: _Body, j: Array, up: Array, forward: Array) -> None:
    h = body.height
    ears = (
        np.nanmean(j[17:19], axis=0)
        if np.isfinite(j[17:19]).any(axis=0).all()
        else np.full(3, np.nan)
    )
    if np.isfinite(ears).all():
        centre = ears
    elif np.isfinite(j[0]).all():
        centre = j[0] - 0.055 * h * forward + 0.01 * h * up
    else:
        centre = j[1] + 0.11 * h * up
    axis = _unit(centre - j[1] + 0.05 * h * up)
    body.add(j[1], centre - 0.03 * h * axis, _NECK)
    body.add(centre - 0.015 * h * axis, centre + 0.028 * h * axis, _HEAD, girth=False)


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v))


@kernel
def _capsule_surface(
    caps: Array, spacing: float, amplitude: float, waves: Array, out: Array
) -> int:
    """Rings around each capsule's axis, pole to pole; each shifted by the golden angle."""
    n = 0
    for k in range(caps.shape[0]):
        ux, uy, uz = caps[k, 3] - caps[k, 0], caps[k, 4] - caps[k, 1], caps[k, 5] - caps[k, 2]
        length, r = np.sqrt(ux * ux + uy * uy + uz * uz) + 1e-9, caps[k, 6]
        ux, uy, uz = ux / length, uy / length, uz / length
        vx, vy, vz = (uy, -ux, 0.0) if abs(uz) < 0.9 else (0.0, uz, -uy)
        q = np.sqrt(vx * vx + vy * vy + vz * vz)
        vx, vy, vz = vx / q, vy / q, vz / q
        wx, wy, wz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        quarter = 0.5 * np.pi * r
        rings = max(4, int(np.ceil((2.0 * quarter + length) / spacing)))
        ds = (2.0 * quarter + length) / rings
        for i in range(rings):
            s = (i + 0.5) * ds
            if s < quarter:
                z = -r * np.cos(s / r)
                rho = r * np.sin(s / r)
                nz = -np.cos(s / r)
                nr = np.sin(s / r)
            elif s < quarter + length:
                z, rho, nz, nr = s - quarter, r, 0.0, 1.0
            else:
                a = (s - quarter - length) / r
                z, rho, nz, nr = length + r * np.sin(a), r * np.cos(a), np.sin(a), np.cos(a)
            steps = max(1, int(np.ceil(2.0 * np.pi * rho / spacing)))
            for m in range(steps):
                phi = 2.0 * np.pi * ((m + 0.618034 * i) / steps)
                bump = slope_z = slope_phi = 0.0
                if amplitude > 0.0:
                    for t in range(waves.shape[1]):
                        f = waves[k, t, 0] * z + waves[k, t, 1] * phi + waves[k, t, 2]
                        sine = np.sin(f)
                        bump += np.cos(f)
                        slope_z -= waves[k, t, 0] * sine
                        slope_phi -= waves[k, t, 1] * sine
                    # The texture is fitted to the shaft; towards the poles, where azimuth
                    # degenerates, it fades with nr.
                    bump *= amplitude * nr
                    slope_z *= amplitude * nr
                    slope_phi *= amplitude * nr / max(rho, 0.5 * r)
                cp, sp = np.cos(phi), np.sin(phi)
                ex, ey, ez = cp * vx + sp * wx, cp * vy + sp * wy, cp * vz + sp * wz
                tx, ty, tz = cp * wx - sp * vx, cp * wy - sp * vy, cp * wz - sp * vz
                px = caps[k, 0] + z * ux + rho * ex + bump * (nz * ux + nr * ex)
                py = caps[k, 1] + z * uy + rho * ey + bump * (nz * uy + nr * ey)
                pz = caps[k, 2] + z * uz + rho * ez + bump * (nz * uz + nr * ez)
                if _covered(caps, k, px, py, pz):
                    continue
                along, outward = nz - slope_z * nr, nr + slope_z * nz
                nx = along * ux + outward * ex - slope_phi * tx
                ny = along * uy + outward * ey - slope_phi * ty
                nn = along * uz + outward * ez - slope_phi * tz
                norm = np.sqrt(nx * nx + ny * ny + nn * nn)
                out[n, 0], out[n, 1], out[n, 2] = px, py, pz
                out[n, 3], out[n, 4], out[n, 5] = nx / norm, ny / norm, nn / norm
                out[n, 6] = ds * 2.0 * np.pi * rho / steps
                n += 1
    return n


@kernel
def _covered(caps: Array, own: int, px: float, py: float, pz: float) -> bool:
    for k in range(caps.shape[0]):
        if k == own:
            continue
        ax, ay, az = caps[k, 0], caps[k, 1], caps[k, 2]
        ex, ey, ez = caps[k, 3] - ax, caps[k, 4] - ay, caps[k, 5] - az
        dx, dy, dz = px - ax, py - ay, pz - az
        t = (dx * ex + dy * ey + dz * ez) / (ex * ex + ey * ey + ez * ez + 1e-12)
        t = min(1.0, max(0.0, t))
        dx, dy, dz = dx - t * ex, dy - t * ey, dz - t * ez
        if dx * dx + dy * dy + dz * dz < 0.999 * caps[k, 6] * caps[k, 6]:
            return True
    return False
