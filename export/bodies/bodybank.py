"""Makes the files in data/ from their sources: a small mesh with shape components, and motion
capture on one skeleton at 30 Hz.

Run by hand when a source changes; data/README.md has the command.
"""

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from edge.core.arrays import Array
from export.bodies.skeleton import BONES

Source = Mapping[str, npt.NDArray[Any]]

MOCAP_JOINTS = (
    "hips", "chest", "neck", "head",
    "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "right_toe",
    "left_hip", "left_knee", "left_ankle", "left_toe",
)  # fmt: skip
MOCAP_RATE_HZ = 30.0
DEEPMIMIC = {
    "hips": "root", "chest": "chest", "neck": "neck", "head": "head",
    "right_shoulder": "r_shoulder", "right_elbow": "r_elbow", "right_wrist": "r_wrist",
    "left_shoulder": "l_shoulder", "left_elbow": "l_elbow", "left_wrist": "l_wrist",
    "right_hip": "r_hip", "right_knee": "r_knee", "right_ankle": "r_ankle",
    "left_hip": "l_hip", "left_knee": "l_knee", "left_ankle": "l_ankle",
}  # fmt: skip
CLIMB = {
    "hips": "Hips", "chest": "Spine1", "neck": "Neck", "head": "Head",
    "right_shoulder": "RightArm", "right_elbow": "RightForeArm", "right_wrist": "RightHand",
    "left_shoulder": "LeftArm", "left_elbow": "LeftForeArm", "left_wrist": "LeftHand",
    "right_hip": "RightUpLeg", "right_knee": "RightLeg",
    "right_ankle": "RightFoot", "right_toe": "RightToeBase",
    "left_hip": "LeftUpLeg", "left_knee": "LeftLeg",
    "left_ankle": "LeftFoot", "left_toe": "LeftToeBase",
}  # fmt: skip


def merged_bone(name: str) -> int:
    """Index in BONES of the bone into which a bone of the source is merged."""
    stem, _, side = name.partition(".")
    if stem.startswith("toe"):
        stem = "toes"
    elif stem.startswith(("finger", "metacarpal", "wrist")):
        stem = "hand"
    elif stem.startswith("shoulder"):
        stem = "clavicle"
    elif stem in ("root", "pelvis"):
        return 0
    elif stem == "eye":
        return BONES.index("head")
    return BONES.index(f"{stem}.{side}" if side else stem)


def body_surface(faces: npt.NDArray[np.int64], vertices: Array) -> npt.NDArray[np.int64]:
    """Faces of skin and eyes, without the tongue, which no sound reaches."""
    n = len(vertices)
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    _, part = connected_components(
        coo_matrix((np.ones(len(edges)), edges.T), shape=(n, n)), directed=False
    )
    on_midline = {p for p in np.unique(part) if abs(vertices[part == p, 0].mean()) < 1e-3}
    skin = np.bincount(part).argmax()
    return faces[~np.isin(part[faces[:, 0]], list(on_midline - {skin}))]


def roughened(vertices: Array, faces: npt.NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Vertices moved along their normals by a fifth of the local edge length.

    Quadric decimation would leave 16 cm triangles on smooth limbs, which bend badly; on a rough
    surface they come out even.
    """
    normals, edge, count = np.zeros_like(vertices), np.zeros(len(vertices)), np.zeros(len(vertices))
    tri = vertices[faces]
    across = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    for k in range(3):
        np.add.at(normals, faces[:, k], across)
        np.add.at(edge, faces[:, k], np.linalg.norm(tri[:, k] - tri[:, k - 1], axis=1))
        np.add.at(count, faces[:, k], 1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    amount = 0.2 * edge / np.maximum(count, 1) * rng.standard_normal(len(vertices))
    return np.asarray(vertices + amount[:, None] * normals)


def closest_points(
    points: Array, vertices: Array, faces: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Array]:
    """Nearest point of a mesh to each point (N, 3): corner indices (N, 3) and barycentric weights
    (N, 3).
    """
    near = np.asarray(cKDTree(vertices[faces].mean(1)).query(points, k=24)[1])
    tri = vertices[faces[near]]  # (N, 24, 3, 3)
    ab, ac, ap = (
        tri[:, :, 1] - tri[:, :, 0],
        tri[:, :, 2] - tri[:, :, 0],
        points[:, None] - tri[:, :, 0],
    )
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    # Clipping does not give the exact nearest point, but one on the surface and near enough.
    bary = np.clip(np.stack([1 - v - w, v, w], -1), 0, None)
    bary /= bary.sum(-1, keepdims=True)
    best = np.argmin(
        ((np.einsum("nkc,nkcd->nkd", bary, tri) - points[:, None]) ** 2).sum(-1), axis=1
    )
    rows = np.arange(len(points))
    return faces[near[rows, best]], bary[rows, best]


def skin_weights(bank: Source) -> Array:
    """Dense skinning weights (vertices, B) on the merged bones."""
    merge = np.array([merged_bone(str(n)) for n in bank["bones"]])
    dense = np.zeros((len(bank["template"]), len(BONES)))
    for weights, bones in zip(bank["lbs_w"].T, bank["lbs_i"].T, strict=True):
        np.add.at(dense, (np.arange(len(dense)), merge[bones]), weights)
    return np.asarray(dense / dense.sum(1, keepdims=True))


def quantised(a: Array) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.float32]]:
    """Each row (K, ...) as int16 with one scale per row."""
    scale = np.abs(a).reshape(len(a), -1).max(1) / 32767
    shape = (-1,) + (1,) * (a.ndim - 1)
    return np.rint(a / scale.reshape(shape)).astype(np.int16), scale.astype(np.float32)


def compact_bodies(bank: Source, vertices: int, components: int) -> dict[str, npt.NDArray[Any]]:
    """The compact bank that `body.load_bank` reads."""
    coefficients = bank["body_coeffs"].astype(np.float64)
    blend = bank["blendshapes"].astype(np.float32).reshape(len(bank["blendshapes"]), -1)
    all_vertices = (coefficients.astype(np.float32) @ blend).reshape(
        len(coefficients), -1, 3
    ) + bank["template"]
    mean = all_vertices.mean(0).astype(np.float64)
    faces = body_surface(bank["faces"].astype(np.int64), mean)
    simplify = importlib.import_module("fast_simplification").simplify
    rough = roughened(mean, faces, np.random.default_rng(0)).astype(np.float32)
    points, small_faces = simplify(rough, faces.astype(np.int32), target_count=2 * vertices, agg=3)
    used = np.unique(small_faces)
    small_faces = np.searchsorted(used, small_faces)
    corners, bary = closest_points(points[used].astype(np.float64), mean, faces)
    points = np.einsum("nc,ncd->nd", bary, mean[corners])

    weights = skin_weights(bank)
    small_weights = np.einsum("nc,ncb->nb", bary, weights[corners])
    order = np.argsort(-small_weights, 1)[:, :4]
    top = np.take_along_axis(small_weights, order, 1)
    top = top / top.sum(1, keepdims=True)

    # A keypoint is a weighted mean of skinned vertices, so one weighted point per bone is enough.
    bones, keypoints, shares, sums = [], [], [], []
    for k, (a, b) in enumerate(zip(bank["kp_ptr"][:-1], bank["kp_ptr"][1:], strict=True)):
        w = bank["kp_w"][a:b, None] * weights[bank["kp_idx"][a:b]]
        total = w.sum(0)
        for j in np.flatnonzero(total > 2e-3).tolist():
            bones.append(j)
            keypoints.append(k)
            shares.append(total[j])
            sums.append(
                np.einsum("v,nvd->nd", w[:, j] / total[j], all_vertices[:, bank["kp_idx"][a:b]])
            )
    share = np.array(shares)
    share /= np.bincount(keypoints, share)[keypoints]

    heads = np.array(
        [
            next(i for i, n in enumerate(bank["bones"]) if merged_bone(str(n)) == j)
            for j in range(len(BONES))
        ]
    )
    for side in ("L", "R"):  # merged toes turn about the joint of the middle one
        heads[BONES.index(f"toes.{side}")] = list(bank["bones"]).index(f"toe3-1.{side}")
        heads[BONES.index(f"hand.{side}")] = list(bank["bones"]).index(f"wrist.{side}")
    joints = bank["body_rest_poses"][:, :, :3, 3][:, heads].astype(np.float64)

    shape = np.einsum(
        "nc,bncd->bnd", bary, all_vertices[:, corners].astype(np.float64) - mean[corners]
    )
    anchors = np.stack(sums, 1).astype(np.float64)
    every = np.concatenate([shape, joints - joints.mean(0), anchors - anchors.mean(0)], 1)
    _, _, vt = np.linalg.svd(shape.reshape(len(shape), -1), full_matrices=False)
    scores = shape.reshape(len(shape), -1) @ vt[:components].T
    basis = np.linalg.lstsq(scores, every.reshape(len(every), -1), rcond=None)[0].reshape(
        components, -1, 3
    )
    error = np.abs(np.einsum("bk,knd->bnd", scores, basis) - every).max((0, 2))
    n, j = len(points), len(BONES)
    skin, bone, keypoint = (1e3 * float(part.max()) for part in np.split(error, [n, n + j]))
    print(
        f"{n} vertices, {len(small_faces)} faces, {components} components; largest error [mm]: ",
        end="",
    )
    print(f"skin {skin:.2f}, joints {bone:.2f}, keypoints {keypoint:.2f}")
    basis_q, basis_scale = quantised(basis)
    return {
        "mean": np.concatenate([points, joints.mean(0), anchors.mean(0)]).astype(np.float32),
        "basis": basis_q,
        "basis_scale": basis_scale,
        "scores": scores.astype(np.float32),
        "faces": small_faces.astype(np.uint16),
        "skin_bone": order.astype(np.uint8),
        "skin_weight": np.rint(top * 65535).astype(np.uint16),
        "anchor_bone": np.array(bones, np.uint8),
        "anchor_keypoint": np.array(keypoints, np.uint8),
        "anchor_weight": share.astype(np.float32),
        "keypoint_names": bank["kp_names"],
        "bones": np.array(BONES),
        "height_m": bank["body_height"].astype(np.float32),
        "phenotype_names": bank["phenotype_names"],
        "phenotypes": bank["phenotypes"].astype(np.float32),
    }


def compact_mocap(deepmimic: Source, climb: Source) -> dict[str, npt.NDArray[Any]]:
    """Every clip: joints (frames, joints, 3) float16 relative to the hips, and hips (frames, 3)
    float32; z up, metres, 30 Hz.
    """
    clips: dict[str, npt.NDArray[Any]] = {
        "joints": np.array(MOCAP_JOINTS),
        "rate_hz": np.array(MOCAP_RATE_HZ),
    }
    for name in deepmimic:
        if name in ("names", "parents") or name.endswith("_dt"):
            continue
        x = _named(deepmimic[name], [str(n) for n in deepmimic["names"]], DEEPMIMIC)
        z_up = np.stack([x[..., 0], -x[..., 2], x[..., 1]], -1)
        times = np.concatenate([[0.0], np.cumsum(deepmimic[f"{name}_dt"][:-1])])
        clips |= _clip(name.removeprefix("humanoid3d_"), z_up, times)
    for name in climb:
        if name == "joints":
            continue
        x = _named(climb[name], [str(n) for n in climb["joints"]], CLIMB)
        # The lowest toe joint of the clip is about 2 cm above the floor.
        x[..., 2] -= (
            np.nanmin(x[:, [MOCAP_JOINTS.index("right_toe"), MOCAP_JOINTS.index("left_toe")], 2])
            - 0.02
        )
        clips |= _clip(name, x, np.arange(len(x)) / 120.0)
    return clips


def _named(x: npt.NDArray[Any], names: list[str], table: Mapping[str, str]) -> Array:
    out = np.full((len(x), len(MOCAP_JOINTS), 3), np.nan)
    for i, joint in enumerate(MOCAP_JOINTS):
        if joint in table:
            out[:, i] = x[:, names.index(table[joint])]
    return out


def _clip(name: str, x: Array, times_s: Array) -> dict[str, npt.NDArray[Any]]:
    t = np.arange(0, times_s[-1] + 1e-6, 1 / MOCAP_RATE_HZ)
    columns = x.reshape(len(x), -1).T
    y = np.stack([np.interp(t, times_s, c) for c in columns], -1).reshape(len(t), -1, 3)
    return {
        f"{name}/hips": y[:, 0].astype(np.float32),
        f"{name}/relative": (y - y[:, :1]).astype(np.float16),
    }


def _save(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def main(argv: list[str] | None = None) -> int:
    """Write bodies.npz and mocap.npz."""
    parser = argparse.ArgumentParser(
        prog="python -m export.bodies.bodybank",
        description="Make the compact body and motion data.",
    )
    parser.add_argument(
        "--bank",
        type=Path,
        required=True,
        help="anny_bank.npz: the sampled bodies of the Anny model",
    )
    parser.add_argument(
        "--deepmimic",
        type=Path,
        required=True,
        help="deepmimic_joints.npz: joint positions of the DeepMimic clips",
    )
    parser.add_argument(
        "--climb",
        type=Path,
        required=True,
        help="climb_joints.npz: joint positions of the climbing sequences",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--vertices", type=int, default=4000, help="vertices of the reduced mesh (%(default)s)"
    )
    parser.add_argument(
        "--components", type=int, default=48, help="shape components to keep (%(default)s)"
    )
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    with np.load(args.bank) as bank:
        _save(args.out / "bodies.npz", compact_bodies(dict(bank), args.vertices, args.components))
    with np.load(args.deepmimic) as deepmimic, np.load(args.climb) as climb:
        _save(args.out / "mocap.npz", compact_mocap(dict(deepmimic), dict(climb)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
