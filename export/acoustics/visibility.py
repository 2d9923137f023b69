"""How much of each patch of a surface a source lights."""

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.jit import kernel
from export.acoustics.surface import Float32Array, Surface

# The pressure on a curved body fades gradually across the shadow boundary, over cosines of about
# (2 / ka) ** (1/3) (Fock). This width, fitted to the exact sphere of 10-15 cm at 4-16 kHz, halves
# the error of a sharp boundary.
PENUMBRA_COSINE = 0.3
PENUMBRA_DEPTH_M = 0.1
DEPTH_SLOPE_LIMIT = 6.0


def visibility(surface: Surface, source: npt.ArrayLike, spacing_m: float) -> Float32Array:
    """How much of each patch the source lights (K,), 0..1: facing it, and not behind another patch.

    source: (3,) m, outside the surface. spacing_m: of the patches; depths are compared on a grid of
    twice that.
    """
    if spacing_m <= 0.0:
        raise ValueError(f"patch spacing is {spacing_m} m: it must be positive")
    origin = np.asarray(source, np.float64)
    towards = surface.centre - origin
    distance = float(np.linalg.norm(towards))
    frame = _frame_along(towards / max(distance, 1e-9))
    out = np.empty(len(surface.points), np.float32)
    cell = np.float32(spacing_m / max(distance, spacing_m))
    _visibility(surface.points, surface.normals, origin, frame.astype(np.float32), cell, out)
    return out


@kernel
def _visibility(
    points: Array,
    normals: Array,
    origin: Array,
    frame: Float32Array,
    cell: np.float32,
    out: Float32Array,
) -> None:
    """A z-buffer in stereographic coordinates about the frame's z axis; `cell` is its pitch."""
    count = points.shape[0]
    u, v = np.empty(count, np.float32), np.empty(count, np.float32)
    r, tolerance = np.empty(count, np.float32), np.empty(count, np.float32)
    one, half, pitch = np.float32(1.0), np.float32(0.5), np.float32(1.0) / cell
    u_lo = v_lo = np.float32(1e9)
    u_hi = v_hi = np.float32(-1e9)
    for i in range(count):
        dx = np.float32(points[i, 0] - origin[0])
        dy = np.float32(points[i, 1] - origin[1])
        dz = np.float32(points[i, 2] - origin[2])
        r[i] = np.sqrt(dx * dx + dy * dy + dz * dz)
        facing = (
            dx * np.float32(normals[i, 0])
            + dy * np.float32(normals[i, 1])
            + dz * np.float32(normals[i, 2])
        )
        cosine = -facing / r[i]
        if cosine <= -PENUMBRA_COSINE:
            out[i] = 0.0
            continue
        out[i] = (
            1.0
            if cosine >= PENUMBRA_COSINE
            else 0.5 + 0.5 * np.sin(np.float32(0.5 * np.pi / PENUMBRA_COSINE) * cosine)
        )
        x = frame[0, 0] * dx + frame[0, 1] * dy + frame[0, 2] * dz
        y = frame[1, 0] * dx + frame[1, 1] * dy + frame[1, 2] * dz
        z = frame[2, 0] * dx + frame[2, 1] * dy + frame[2, 2] * dz
        scale = np.float32(1.0) / (r[i] + max(z, np.float32(-0.999) * r[i]))
        u[i], v[i] = x * scale, y * scale
        if cosine > 0.0:
            slope = min(
                np.sqrt(max(one - cosine * cosine, np.float32(0.0))) / cosine,
                np.float32(DEPTH_SLOPE_LIMIT),
            )
            tolerance[i] = np.float32(2.0) * cell * r[i] * (one + slope)
        else:
            tolerance[i] = np.float32(2.0) * cell * r[i] * np.float32(
                1.0 + DEPTH_SLOPE_LIMIT
            ) + np.float32(PENUMBRA_DEPTH_M)
        u_lo, u_hi, v_lo, v_hi = min(u_lo, u[i]), max(u_hi, u[i]), min(v_lo, v[i]), max(v_hi, v[i])
    if u_hi < u_lo:
        return
    nu, nv = int((u_hi - u_lo) * pitch) + 3, int((v_hi - v_lo) * pitch) + 3
    depth = np.full((nv, nu), 1e9, np.float32)
    for i in range(count):
        if out[i] >= 0.5:
            a, b = int((u[i] - u_lo) * pitch + one), int((v[i] - v_lo) * pitch + one)
            depth[b, a] = min(depth[b, a], r[i])
    for i in range(count):
        if out[i] > 0.0:
            # The four cells around the patch, weighted by overlap, so that silhouettes do not
            # flicker.
            a, b = (u[i] - u_lo) * pitch + half, (v[i] - v_lo) * pitch + half
            ia, ib = int(a), int(b)
            fa, fb = a - np.float32(ia), b - np.float32(ib)
            front = r[i] - tolerance[i]
            seen = np.float32(0.0)
            if front <= depth[ib, ia]:
                seen += (one - fa) * (one - fb)
            if front <= depth[ib, ia + 1]:
                seen += fa * (one - fb)
            if front <= depth[ib + 1, ia]:
                seen += (one - fa) * fb
            if front <= depth[ib + 1, ia + 1]:
                seen += fa * fb
            out[i] *= seen


def _frame_along(axis: Array) -> Array:
    """Rotation (3, 3), right-handed, whose last row is the unit vector `axis` (Duff 2017)."""
    x, y, z = axis.tolist()
    sign = 1.0 if z >= 0.0 else -1.0
    a = -1.0 / (sign + z)
    b = x * y * a
    return np.array(
        [[1.0 + sign * x * x * a, sign * b, -sign * x], [b, sign + y * y * a, -y], [x, y, z]]
    )
