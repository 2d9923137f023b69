"""The 3D joints of everybody in a video of several calibrated cameras.

The product's own networks find the people in each view, those of the same person are the ones whose
rays meet, and each joint is where its rays come nearest to one another. It is better than one view
but no marker truth: neighbouring frames differ by 1-2 cm, and MoveNet's own bias stays.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from edge.core.arrays import Array, Image
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP, N_JOINTS, SEEN
from edge.sight.people import PeopleFinder
from export.simulate.video.calibration import (
    CalibratedCamera,
    frame_size,
    load_calibration,
    read_frames,
)

# In images 1920 px high: mean distance of a person's joints from where the views meet, of a joint
# in one view, so that the other views decide; and what such a joint counts as.
MOST_OFF_PX, OUTLIER_PX, COUNTED_PX = 30.0, 30.0, 100.0
VIEW_PX = 12.0  # a further view may make the mean worse by so much
JUMP_M = 0.8  # of the mid-hip from one frame to the next: somebody else
CLOSE_LOOK_EVERY = 10  # frames; people far away are found only in parts of the image
LEAST_SHARE = 0.5  # of the frames that a person must be in to be one
JOINTS_BOTH = 6  # joints seen in two views or more, to be a person


def triangulate_video(video: Path, models: Path) -> Array:
    """Joints (K, Q, 25, 3) [m] in the world of everybody in each frame, NaN where not known.

    video: folder with Calib.qca.txt and camNN.mp4, all started at once. models: MoveNet's. Those
    far away, whom only close looks find, are taken to stand still. Raises SessionError.
    """
    movies = sorted(video.glob("cam*.mp4"))
    cameras = load_calibration(video / "Calib.qca.txt", {m.stem: frame_size(m) for m in movies})
    if len(movies) < 2 or {m.stem for m in movies} != {c.serial for c in cameras}:
        raise SessionError(f"{video}: camNN.mp4 of at least two calibrated cameras are needed")
    cameras.sort(key=lambda c: c.serial)
    find = PeopleFinder(models, 1, look_every=0)
    tracks: list[dict[int, Array]] = []
    far: list[Array] = []
    images = zip(*(read_frames(m) for m in movies), strict=False)
    frames = 0
    for index, views in enumerate(images):
        frames = index + 1
        found = [[k.pixels for k in find(image)] for image in views]
        people = list(_people(cameras, found))
        _continue(tracks, people, index)
        if index % CLOSE_LOOK_EVERY == 0:
            near = [_close_look(find, image) for image in views]
            far += [p for p in _people(cameras, near) if not any(_same(p, q) for q in people)]
    if frames == 0:
        raise SessionError(f"{video}: no image in it")
    moving = [_filled(t, frames) for t in tracks if len(t) >= LEAST_SHARE * frames]
    still = [np.broadcast_to(p, (frames, 25, 3)) for p in _still(far, moving)]
    if not moving and not still:
        raise SessionError(f"{video}: nobody is seen by two cameras at once")
    return np.stack(moving + still, axis=1)


def _people(cameras: Sequence[CalibratedCamera], found: list[list[Array]]) -> Iterator[Array]:
    """Joints (25, 3) of each person whom two views or more agree on, the surest first."""
    left = [list(range(len(f))) for f in found]
    while True:
        tried = [
            (views, *_triangulate(cameras, [_nth(f, v) for f, v in zip(found, views, strict=True)]))
            for views in product(*([None, *n] for n in left))
            if sum(v is not None for v in views) > 1
        ]
        # A further view may cost a little agreement: it is worth more than it costs.
        good = [t for t in tried if t[2] < MOST_OFF_PX]
        if not good:
            return
        views, joints, _ = min(good, key=lambda t: t[2] - 15.0 * sum(v is not None for v in t[0]))
        yield joints
        for camera, view in enumerate(views):
            if view is not None:
                left[camera].remove(view)


def _nth(found: list[Array], index: int | None) -> Array | None:
    return None if index is None else found[index]


def _triangulate(
    cameras: Sequence[CalibratedCamera], pixels: list[Array | None]
) -> tuple[Array, float]:
    """Joints (25, 3) [m] in the world from each camera's (25, 3) u, v, confidence, and their mean
    distance from those [px]; infinite where too few joints are seen twice.
    """
    views = [(c, p) for c, p in zip(cameras, pixels, strict=True) if p is not None]
    seen = np.array([p[:, 2] >= SEEN for _, p in views])
    starts = np.array([-c.rotation.T @ c.translation for c, _ in views])
    uv = np.array([np.nan_to_num(p[:, :2]) for _, p in views])
    ways = np.array([c.camera.rays(x) @ c.rotation for (c, _), x in zip(views, uv, strict=True)])
    ways /= np.linalg.norm(ways, axis=-1, keepdims=True)
    joints, off = np.full((25, 3), np.nan), np.full((len(views), 25), np.nan)
    for j in range(25):
        use = np.flatnonzero(seen[:, j])
        while len(use) > 1:
            joints[j] = _meeting_point(starts[use], ways[use, j])
            error = np.array([_off(views[v][0], joints[j], uv[v, j]) for v in use])
            if len(use) > 2 and error.max() > OUTLIER_PX:
                off[use[error.argmax()], j] = COUNTED_PX
                use = np.delete(use, error.argmax())
                continue
            off[use, j] = error
            break
    known = np.isfinite(off[:, :N_JOINTS])
    if known.any(axis=0).sum() < JOINTS_BOTH or not np.isfinite(joints[MID_HIP]).all():
        return joints, float("inf")
    return joints, float(np.nanmean(off[:, :N_JOINTS]))


def _meeting_point(starts: Array, ways: Array) -> Array:
    """The point (3,) nearest to rays from starts (V, 3) along unit ways (V, 3)."""
    across = np.eye(3) - ways[:, :, None] * ways[:, None, :]
    return np.asarray(
        np.linalg.solve(across.sum(axis=0), np.einsum("vij,vj->i", across, starts)), np.float64
    )


def _off(camera: CalibratedCamera, point: Array, pixel: Array) -> float:
    at = camera.from_world(point)
    if at[2] < 0.1:
        return float("inf")
    return float(np.linalg.norm(camera.camera.project(at[None])[0] - pixel))


def _continue(tracks: list[dict[int, Array]], people: list[Array], index: int) -> None:
    """Give each person of a frame to the track whose last mid-hip is nearest, or to a new one."""
    free = list(range(len(tracks)))
    for joints in people:
        last = [float(np.linalg.norm(_last(tracks[t])[MID_HIP] - joints[MID_HIP])) for t in free]
        if last and min(last) < JUMP_M:
            tracks[free.pop(int(np.argmin(last)))][index] = joints
        else:
            tracks.append({index: joints})


def _last(track: dict[int, Array]) -> Array:
    return track[max(track)]


def _filled(track: dict[int, Array], frames: int) -> Array:
    """Joints (frames, 25, 3), gaps filled in a straight line and the jitter of single frames taken
    away by a running mean of 5.
    """
    out = np.full((frames, 25, 3), np.nan)
    for index, joints in track.items():
        out[index] = joints
    each = np.arange(frames)
    for joint in range(25):
        known = np.flatnonzero(np.isfinite(out[:, joint, 0]))
        if len(known) < LEAST_SHARE * frames:
            out[:, joint] = np.nan
            continue
        for axis in range(3):
            line = np.interp(each, known, _without_spikes(out[known, joint, axis]))
            padded = np.pad(line, 2, mode="edge")
            out[:, joint, axis] = np.convolve(padded, np.full(5, 0.2), "valid")
    return out


def _without_spikes(values: Array) -> Array:
    """Values (N,), those replaced that are far from the median of the 7 around them."""
    padded = np.pad(values, 3, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    return np.where(np.abs(values - middle) > 0.1, middle, values)


def _same(a: Array, b: Array) -> bool:
    return bool(np.linalg.norm(a[MID_HIP] - b[MID_HIP]) < JUMP_M)


def _still(found: list[Array], moving: list[Array]) -> list[Array]:
    """Joints (25, 3) of each person who was found in the same place, the median over the looks."""
    groups: list[list[Array]] = []
    for joints in found:
        if any(
            np.linalg.norm(m[:, MID_HIP] - joints[MID_HIP], axis=1).min() < JUMP_M for m in moving
        ):
            continue
        group = next((g for g in groups if _same(g[0], joints)), None)
        if group is None:
            groups.append([joints])
        else:
            group.append(joints)
    return [_median(np.array(g)) for g in groups]


def _median(joints: Array) -> Array:
    """Median (25, 3) of joints (N, 25, 3) over those known; NaN where none is."""
    out = np.full((25, 3), np.nan)
    for joint in np.flatnonzero(np.isfinite(joints[..., 0]).any(axis=0)):
        out[joint] = np.nanmedian(joints[:, joint], axis=0)
    return out


def _close_look(find: PeopleFinder, image: Image) -> list[Array]:
    """Everybody in overlapping halves and quarters of the image as well, each only once."""
    height, width = image.shape[:2]
    people = [k.pixels for k in find(image)]
    for down, across in product((0.0, 0.25, 0.5), (0.0, 0.25, 0.5)):
        x, y = round(across * width), round(down * height)
        part = image[y : y + height // 2, x : x + width // 2]
        for k in find(np.ascontiguousarray(part)):
            pixels = k.pixels + np.array([x, y, 0.0])
            if not any(_near(pixels, p) for p in people):
                people.append(pixels)
    return people


def _near(a: Array, b: Array) -> bool:
    """Whether two are of one person: their trunks are less than half a trunk apart."""
    trunk = [1, 2, 5, 8, 9, 12]
    size = np.linalg.norm(b[1, :2] - b[MID_HIP, :2])
    return bool(np.linalg.norm(a[trunk, :2] - b[trunk, :2], axis=1).mean() < 0.5 * size)
