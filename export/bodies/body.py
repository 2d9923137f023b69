"""People of all heights and builds as meshes: sample one, pose it, get its skin and its BODY_25
joints in metres.

The bank (data/bodies.npz) holds 300 bodies of the Anny model as one mesh and its shape components.
A pose (`skeleton`) turns bones; linear blend skinning moves skin and keypoints with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, FloatArray, IntArray
from edge.core.jit import kernel
from export.bodies.skeleton import LEG, PARENTS, Pose, bone_rotations

Split = Literal["train", "val", "test"]

# BODY_25 joints as means of the bank's keypoints.
BODY_25_KEYPOINTS = (
    ("nose",), ("left_shoulder", "right_shoulder"),
    ("right_shoulder",), ("right_elbow",), ("right_wrist",),
    ("left_shoulder",), ("left_elbow",), ("left_wrist",),
    ("left_hip", "right_hip"), ("right_hip",), ("right_knee",), ("right_ankle",),
    ("left_hip",), ("left_knee",), ("left_ankle",),
    ("right_eye",), ("left_eye",), ("right_ear",), ("left_ear",),
    ("left_big_toe",), ("left_small_toe",), ("left_heel",),
    ("right_big_toe",), ("right_small_toe",), ("right_heel",),
)  # fmt: skip
TOE_JOINTS = (22, 19)  # big toes in BODY_25, right and left
# A lowest point closer to the floor than this stands on it.
CONTACT_M = 0.06


@dataclass(frozen=True, eq=False)
class Bank:
    """The compact body bank as arrays: mesh, shape components, skinning, keypoint anchors.

    mean (V + B + A, 3): skin vertices, joint centres and anchors stacked [m]. basis (K, 3 (V + B +
    A)) int16 times basis_scale (K,): shape components. scores (300, K). faces (F, 3). skin_bone,
    skin_weight (V, 4). anchor_bone (A,), anchor_weights (25, A): a BODY_25 joint is the weighted
    sum of anchors, each moved by its bone. height_m (300,). phenotypes (300, 6) in 0..1.
    """

    mean: FloatArray
    basis: npt.NDArray[np.int16]
    basis_scale: FloatArray
    scores: FloatArray
    faces: npt.NDArray[np.int32]
    skin_bone: npt.NDArray[np.uint8]
    skin_weight: FloatArray
    anchor_bone: IntArray
    anchor_weights: Array
    height_m: Array
    phenotypes: Array
    phenotype_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Body:
    """One person at rest: upright, arms half raised, facing -y, feet on z = 0.

    index: of the bank's body with the largest share, which decides the split. height_m: standing.
    phenotypes: muscle, weight, proportions, height, age, gender in 0..1. vertices (V, 3), joints
    (B, 3), anchors (A, 3) [m].
    """

    index: int
    height_m: float
    phenotypes: Mapping[str, float]
    vertices: FloatArray
    joints: Array
    anchors: Array

    @property
    def leg_m(self) -> float:
        """Length of the straight leg from hip joint to sole [m]."""
        hip, knee, ankle = (self.joints[LEG["R"] + k] for k in (0, 2, 4))
        return float(np.linalg.norm(knee - hip) + np.linalg.norm(ankle - knee) + ankle[2])


@dataclass(frozen=True, eq=False)
class PosedBody:
    """A person in the room: vertices (V, 3), faces (F, 3) seen counter-clockwise from outside,
    joints (25, 3) BODY_25 [m].

    Room axes, z up. The mid-hip is above the origin and the lowest point clearance_m above the
    floor, unless moved.
    """

    vertices: FloatArray
    faces: npt.NDArray[np.int32]
    joints: FloatArray
    body: Body
    pose: Pose
    clearance_m: float = 0.0

    def moved(self, offset: npt.ArrayLike) -> "PosedBody":
        """The same person moved by (3,) [m]."""
        d = np.asarray(offset, np.float32)
        return replace(
            self,
            vertices=self.vertices + d,
            joints=self.joints + d,
            clearance_m=self.clearance_m + float(d[2]),
        )


@lru_cache(maxsize=1)
def load_bank() -> Bank:
    """Read the vendored bank (1.3 MB, once per process)."""
    with (
        (resources.files("export.bodies") / "data" / "bodies.npz").open("rb") as file,
        np.load(file) as data,
    ):
        d: dict[str, npt.NDArray[Any]] = dict(data)
    names = [str(n) for n in d["keypoint_names"]]
    per_keypoint = np.zeros((len(names), len(d["anchor_bone"])))
    per_keypoint[d["anchor_keypoint"], np.arange(len(d["anchor_bone"]))] = d["anchor_weight"]
    weight = d["skin_weight"].astype(np.float32)
    return Bank(
        mean=d["mean"],
        basis=d["basis"].reshape(len(d["basis"]), -1),
        basis_scale=d["basis_scale"],
        scores=d["scores"],
        faces=d["faces"].astype(np.int32),
        skin_bone=d["skin_bone"],
        skin_weight=weight / weight.sum(1, keepdims=True),
        anchor_bone=d["anchor_bone"].astype(np.int64),
        anchor_weights=np.stack(
            [
                np.mean([per_keypoint[names.index(k)] for k in row], axis=0)
                for row in BODY_25_KEYPOINTS
            ]
        ),
        height_m=d["height_m"].astype(np.float64),
        phenotypes=d["phenotypes"].astype(np.float64),
        phenotype_names=tuple(str(n) for n in d["phenotype_names"]),
    )


def body_split(split: Split | None) -> IntArray:
    """Indices of a split's bodies (None: all). By height, one of ten is val and one test."""
    heights = load_bank().height_m
    if split is None:
        return np.arange(len(heights))
    rank = np.argsort(np.argsort(heights, kind="stable"), kind="stable") % 10
    return np.flatnonzero(
        {"train": (rank != 4) & (rank != 9), "val": rank == 4, "test": rank == 9}[split]
    )


def make_body(shares: Mapping[int, float], height_m: float | None = None) -> Body:
    """A weighted mean of bank bodies ({index: share}), scaled to a height [m], if given."""
    bank = load_bank()
    index = np.array(list(shares), np.int64)
    share = np.array(list(shares.values()))
    share = share / share.sum()
    scores = (share @ bank.scores[index]).astype(np.float32)
    points = bank.mean.copy()
    _add_shapes(bank.basis, scores * bank.basis_scale, points.reshape(-1))
    v, b = len(bank.skin_bone), len(PARENTS)
    points[:, 2] -= points[:v, 2].min()
    natural = float(points[:v, 2].max())
    if height_m is not None:
        points *= np.float32(height_m / natural)
    return Body(
        index=int(index[share.argmax()]),
        height_m=natural if height_m is None else float(height_m),
        phenotypes=dict(
            zip(bank.phenotype_names, (share @ bank.phenotypes[index]).tolist(), strict=True)
        ),
        vertices=points[:v],
        joints=points[v : v + b].astype(np.float64),
        anchors=points[v + b :].astype(np.float64),
    )


def sample_body(
    rng: np.random.Generator, split: Split | None = None, height_m: float | None = None
) -> Body:
    """A random person of a split: three in five are adults of 1.5 to 1.95 m, the others 1.1 to 2.0
    m tall.

    Two bank bodies of about that height are mixed and scaled to it, so there are more than 300
    builds.
    """
    if height_m is None:
        lo, hi = (
            (1.5, 1.95) if rng.random() < 0.6 else (1.1, 1.5) if rng.random() < 0.5 else (1.1, 2.0)
        )
        height_m = float(rng.uniform(lo, hi))
    members = body_split(split)
    off = np.log(load_bank().height_m[members] / height_m)
    weight = np.exp(-0.5 * (off / 0.05) ** 2) + 1e-9 / off**2
    first, second = (int(i) for i in rng.choice(members, 2, p=weight / weight.sum()))
    if first == second:
        return make_body({first: 1.0}, height_m)
    share = float(rng.uniform(0.5, 1.0))
    return make_body({first: share, second: 1 - share}, height_m)


def pose_body(body: Body, pose: Pose) -> PosedBody:
    """Put a body into a pose, its lowest point on the floor, mid-hip above the origin; 1 ms."""
    bank = load_bank()
    turn = bone_rotations(body.joints, _big_toes(body), pose)
    shift = np.empty((len(PARENTS), 3))
    shift[0] = -turn[0] @ body.joints[0]
    for j in range(1, len(PARENTS)):
        p = PARENTS[j]
        shift[j] = turn[p] @ body.joints[j] + shift[p] - turn[j] @ body.joints[j]
    anchors = (turn[bank.anchor_bone] @ body.anchors[..., None])[..., 0] + shift[bank.anchor_bone]
    joints = bank.anchor_weights @ anchors
    vertices = skin(body.vertices, bank.skin_bone, bank.skin_weight, turn, shift)
    offset = np.array([-joints[8, 0], -joints[8, 1], -float(vertices[:, 2].min())])
    clearance = 0.0
    if np.isfinite(pose.root_height):
        hips = [turn[LEG[s]] @ body.joints[LEG[s]] + shift[LEG[s]] for s in "RL"]
        raised = pose.root_height * body.leg_m - float(np.mean([h[2] for h in hips]))
        clearance = raised - offset[2]
        clearance = clearance if clearance > CONTACT_M else 0.0
        offset[2] += clearance
    return PosedBody(
        vertices=vertices + offset.astype(np.float32),
        faces=bank.faces,
        joints=(joints + offset).astype(np.float32),
        body=body,
        pose=pose,
        clearance_m=clearance,
    )


def rest_joints(body: Body) -> Array:
    """BODY_25 joints (25, 3) of the body at rest [m]."""
    return np.asarray(load_bank().anchor_weights @ body.anchors)


def _big_toes(body: Body) -> Array:
    return rest_joints(body)[list(TOE_JOINTS)]


def skin(
    vertices: FloatArray, bone: npt.NDArray[np.uint8], weight: FloatArray, turn: Array, shift: Array
) -> FloatArray:
    """Linear blend skinning: vertices (V, 3) moved by the mean (V, 4) of turns (B, 3, 3)."""
    if bone.shape != weight.shape or len(bone) != len(vertices):
        raise ValueError(
            f"skin of {len(vertices)} vertices needs bones and weights of the same length, "
            f"found {bone.shape}, {weight.shape}"
        )
    out = np.empty_like(vertices)
    _skin(vertices, bone, weight, turn.astype(np.float32), shift.astype(np.float32), out)
    return out


@kernel
def _skin(
    vertices: FloatArray,
    bone: npt.NDArray[np.uint8],
    weight: FloatArray,
    turn: FloatArray,
    shift: FloatArray,
    out: FloatArray,
) -> None:
    for i in range(len(vertices)):
        x, y, z = vertices[i]
        for d in range(3):
            total = np.float32(0.0)
            for k in range(bone.shape[1]):
                j = bone[i, k]
                moved = turn[j, d, 0] * x + turn[j, d, 1] * y + turn[j, d, 2] * z + shift[j, d]
                total += weight[i, k] * moved
            out[i, d] = total


@kernel
def _add_shapes(basis: npt.NDArray[np.int16], amount: FloatArray, out: FloatArray) -> None:
    for k in range(len(amount)):
        for i in range(len(out)):
            out[i] += amount[k] * basis[k, i]
