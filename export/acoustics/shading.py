"""How much of the sound passes one body on its way to another.

A body is about as wide as the Fresnel zone behind it, so its shadow is neither dark nor sharp: half
a metre to a metre and a half behind somebody the sound of 2-7.5 kHz is 5 to 12 dB weaker, not gone.
Each row and each column of a body's silhouette is taken for a strip that diffracts as two half
planes do (Fresnel), and both together for a rectangle (Babinet's principle). Of the wave only the
amplitude at one wavelength is kept.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import fresnel

from edge.core.arrays import Array, ComplexArray
from edge.core.jit import kernel
from export.acoustics.surface import Float32Array, Surface

LEAST_BEHIND_M = 0.05  # nearer to the other body a patch lies beside it, not behind
_STEP, _DEEPEST = 0.02, 8.0
_SOME = 32  # every so many patches tell where a body is, within _MARGIN
_MARGIN = 0.03  # rad


def passed(
    surface: Surface,
    bodies: list[Surface],
    origin: npt.ArrayLike,
    spacing_m: float,
    wavelength_m: float,
) -> Float32Array:
    """Amplitude (K,), 0..1 and a little more, that reaches each patch of a surface past other
    bodies.

    origin: (3,) [m] of the source, or of a receiver for the way back; z is up. spacing_m: of the
    patches.
    """
    out = np.ones(len(surface.points), np.float32)
    start = np.asarray(origin, np.float64)
    for body in bodies:
        towards = body.centre - start
        distance = float(np.linalg.norm(towards))
        if _apart(surface, body, start):
            continue
        frame = _upright_frame(towards / max(distance, 1e-9)).astype(np.float32)
        cell = np.float32(spacing_m / max(distance, spacing_m))
        _pass(
            surface.points,
            body.points,
            body.normals,
            start,
            frame,
            cell,
            np.float32(wavelength_m),
            _edge_table(),
            out,
        )
    return out


@kernel
def _span(points: Array, origin: Array) -> tuple[float, float, float, float, float]:
    """Bearing of the middle, least and greatest bearing from there, nearest and farthest level
    distance of points from an origin; the distances are 0 where it is among or below them.
    """
    mx = my = 0.0
    count = 0
    for i in range(0, points.shape[0], _SOME):
        mx += points[i, 0] - origin[0]
        my += points[i, 1] - origin[1]
        count += 1
    mx, my = mx / count, my / count
    length = np.sqrt(mx * mx + my * my)
    low, high, near, far = 0.0, 0.0, 1e9, 0.0
    if length < 0.3:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(0, points.shape[0], _SOME):
        dx, dy = points[i, 0] - origin[0], points[i, 1] - origin[1]
        along, across = (dx * mx + dy * my) / length, (dy * mx - dx * my) / length
        if along < 0.05:
            return 0.0, 0.0, 0.0, 0.0, 0.0
        angle = np.arctan2(across, along)
        low, high = min(low, angle), max(high, angle)
        near, far = min(near, along), max(far, along)
    return np.arctan2(my, mx), low, high, near, far


def _apart(surface: Surface, body: Surface, origin: Array) -> bool:
    """Whether no ray from the origin can meet the body and then the surface: by their bearings, or
    the body lies behind.
    """
    a, a_low, a_high, _, far = _span(surface.points, origin)
    b, b_low, b_high, near, _ = _span(body.points, origin)
    if far == 0.0 or near == 0.0:
        return False
    turn = (b - a + np.pi) % (2.0 * np.pi) - np.pi
    return bool(turn + b_low > a_high + _MARGIN or turn + b_high < a_low - _MARGIN or near > far)


@lru_cache(maxsize=1)
def _edge_table() -> ComplexArray:
    """Field behind a half plane over the free one, at depths of 0, _STEP, ... Fresnel units into
    its shadow.
    """
    sine, cosine = fresnel(np.arange(0.0, _DEEPEST + _STEP, _STEP))
    return np.asarray(0.5 * (1 + 1j) * ((0.5 - cosine) - 1j * (0.5 - sine)), np.complex64)


def _upright_frame(axis: Array) -> Array:
    """Rotation (3, 3) whose last row is the unit vector `axis` and whose first is level."""
    x = np.array([-axis[1], axis[0], 0.0])
    length = float(np.linalg.norm(x))
    x = np.array([1.0, 0.0, 0.0]) if length < 1e-6 else x / length
    return np.stack([x, np.cross(axis, x), axis])


@kernel
def _pass(
    points: Array,
    body: Array,
    normals: Array,
    origin: Array,
    frame: Float32Array,
    cell: np.float32,
    wavelength: np.float32,
    edge: ComplexArray,
    out: Float32Array,
) -> None:
    """The body's silhouette on a grid of pitch `cell` in stereographic coordinates."""
    count, pitch = body.shape[0], np.float32(1.0) / cell
    u, v, r = np.empty(count, np.float32), np.empty(count, np.float32), np.empty(count, np.float32)
    u_lo = v_lo = np.float32(1e9)
    u_hi = v_hi = np.float32(-1e9)
    for i in range(count):
        u[i], v[i], r[i] = _project(body, i, origin, frame)
        facing = (
            (body[i, 0] - origin[0]) * normals[i, 0]
            + (body[i, 1] - origin[1]) * normals[i, 1]
            + (body[i, 2] - origin[2]) * normals[i, 2]
        )
        if facing > 0.0:
            r[i] = np.float32(-1.0)
        if r[i] > 0.0:
            u_lo, u_hi = min(u_lo, u[i]), max(u_hi, u[i])
            v_lo, v_hi = min(v_lo, v[i]), max(v_hi, v[i])
    if u_hi < u_lo:
        return
    nu, nv = int((u_hi - u_lo) * pitch) + 3, int((v_hi - v_lo) * pitch) + 3
    depth = np.zeros((nv, nu), np.float32)
    for i in range(count):
        if r[i] > 0.0:
            a = int((u[i] - u_lo) * pitch) + 1
            b = int((v[i] - v_lo) * pitch) + 1
            if depth[b, a] == 0.0 or r[i] < depth[b, a]:
                depth[b, a] = r[i]
    for b in range(1, nv - 1):
        for a in range(1, nu - 1):
            if depth[b, a] == 0.0 and depth[b, a - 1] > 0.0 and depth[b, a + 1] > 0.0:
                depth[b, a] = max(depth[b, a - 1], depth[b, a + 1])
    ends = np.zeros((4, nv, nu), np.int32)  # of the strips: first and last in row, in column
    for b in range(1, nv - 1):
        for a in range(1, nu - 1):
            if depth[b, a] > 0.0:
                ends[0, b, a] = ends[0, b, a - 1] if depth[b, a - 1] > 0.0 else a
                ends[2, b, a] = ends[2, b - 1, a] if depth[b - 1, a] > 0.0 else b
    for b in range(nv - 2, 0, -1):
        for a in range(nu - 2, 0, -1):
            if depth[b, a] > 0.0:
                ends[1, b, a] = ends[1, b, a + 1] if depth[b, a + 1] > 0.0 else a
                ends[3, b, a] = ends[3, b + 1, a] if depth[b + 1, a] > 0.0 else b
    one = np.complex64(1.0)
    for i in range(points.shape[0]):
        pu, pv, far = _project(points, i, origin, frame)
        fa, fb = (pu - u_lo) * pitch + np.float32(1.0), (pv - v_lo) * pitch + np.float32(1.0)
        if far <= 0.0 or fa < 1.0 or fb < 1.0 or fa >= nu - 1 or fb >= nv - 1:
            continue
        a, b = int(fa), int(fb)
        near = depth[b, a]
        behind = far - near
        if near == 0.0 or behind < LEAST_BEHIND_M:
            continue
        scale = (
            np.float32(2.0)
            * cell
            * near
            * np.sqrt(np.float32(2.0) / wavelength * (1.0 / near + 1.0 / behind))
        )
        row = _edge(edge, (fa - ends[0, b, a]) * scale) + _edge(
            edge, (ends[1, b, a] + 1 - fa) * scale
        )
        column = _edge(edge, (fb - ends[2, b, a]) * scale) + _edge(
            edge, (ends[3, b, a] + 1 - fb) * scale
        )
        out[i] *= np.abs(one - (one - row) * (one - column))


@kernel
def _project(
    points: Array, i: int, origin: Array, frame: Float32Array
) -> tuple[np.float32, np.float32, np.float32]:
    """Stereographic coordinates and range of a point; range -1 far off the frame's axis."""
    dx = np.float32(points[i, 0] - origin[0])
    dy = np.float32(points[i, 1] - origin[1])
    dz = np.float32(points[i, 2] - origin[2])
    r = np.sqrt(dx * dx + dy * dy + dz * dz)
    z = frame[2, 0] * dx + frame[2, 1] * dy + frame[2, 2] * dz
    if z < np.float32(-0.5) * r:
        return np.float32(0.0), np.float32(0.0), np.float32(-1.0)
    scale = np.float32(1.0) / (r + z)
    return (
        (frame[0, 0] * dx + frame[0, 1] * dy + frame[0, 2] * dz) * scale,
        (frame[1, 0] * dx + frame[1, 1] * dy + frame[1, 2] * dz) * scale,
        r,
    )


@kernel
def _edge(table: ComplexArray, depth: float) -> np.complex64:
    at = depth / _STEP
    k = int(at)
    if k + 1 >= table.shape[0]:
        return np.complex64(0.0)
    part = np.float32(at - k)
    return np.complex64(table[k] * (np.float32(1.0) - part) + table[k + 1] * part)
