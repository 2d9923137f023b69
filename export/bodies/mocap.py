"""Motion capture as poses: recorded joint positions become limb directions for any body.

The clips (data/mocap.npz) share one skeleton. DeepMimic's has no toes: its feet are inferred.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from edge.core.arrays import Array
from export.bodies.body import Split
from export.bodies.skeleton import (
    FLAT_FOOT_PITCH,
    SIDES,
    Pose,
    angle_deg,
    axis_rotation,
    cross,
    frame_from,
    smooth_step,
    unit,
)

# Clips of one motion stay in one split.
VAL_CLIPS = ("jump", "punch", "crawl", "climb_1")
TEST_CLIPS = (
    "walk",
    "kick",
    "dance_b",
    "getup_facedown",
    "walker_turn_right0",
    "walker_turn_right1",
    "climb_2",
)
# Height of the ankle over the sole and from ankle to toe joint, as shares of thigh + shank.
ANKLE_SHARE, FOOT_SHARE = 0.09, 0.24


@dataclass(frozen=True, eq=False)
class Clip:
    """One recording: joints (frames, 18, 3) [m], z up, NaN where it has none; frames/s."""

    name: str
    joints: Array
    names: tuple[str, ...]
    rate_hz: float

    def __len__(self) -> int:
        return len(self.joints)

    def of(self, frame: int, name: str) -> Array:
        """Position (3,) of a joint in a frame."""
        return np.asarray(self.joints[frame, self.names.index(name)])


@lru_cache(maxsize=1)
def load_clips() -> dict[str, Clip]:
    """All vendored clips by name."""
    with (
        (resources.files("export.bodies") / "data" / "mocap.npz").open("rb") as file,
        np.load(file) as data,
    ):
        names = tuple(str(n) for n in data["joints"])
        rate = float(data["rate_hz"])
        clips = [k.removesuffix("/hips") for k in data.files if k.endswith("/hips")]
        return {
            c: Clip(
                c,
                data[f"{c}/relative"].astype(np.float64)
                + data[f"{c}/hips"][:, None].astype(np.float64),
                names,
                rate,
            )
            for c in clips
        }


def clip_split(split: Split | None) -> tuple[str, ...]:
    """Names of the clips in a split (None: all)."""
    held = {"val": VAL_CLIPS, "test": TEST_CLIPS}
    if split in held:
        return held[split]
    return tuple(c for c in load_clips() if split is None or c not in VAL_CLIPS + TEST_CLIPS)


def clip_pose(clip: Clip, frame: int) -> Pose:
    """The pose of one frame, with the recorded heading and height above the floor."""
    j = {n: clip.joints[frame, i] for i, n in enumerate(clip.names)}
    pelvis = frame_from(j["left_hip"] - j["right_hip"], j["chest"] - j["hips"])
    chest = frame_from(j["left_shoulder"] - j["right_shoulder"], j["neck"] - j["chest"])
    head = _head(chest, j["head"] - j["neck"], _neutral_nod(clip))
    leg = float(
        np.linalg.norm(j["right_knee"] - j["right_hip"])
        + np.linalg.norm(j["right_ankle"] - j["right_knee"])
    )
    segments = np.empty((2, 5, 3))
    for side, name in enumerate("right" if s == "R" else "left" for s in SIDES):
        chain = [
            j[f"{name}_{k}"] for k in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe")
        ]
        segments[side, :2] = unit(np.diff(chain[0:3], axis=0))
        segments[side, 2:4] = unit(np.diff(chain[3:6], axis=0))
        if np.isfinite(chain[6]).all():
            segments[side, 4] = unit(chain[6] - chain[5])
        else:
            segments[side, 4] = inferred_foot(
                pelvis, segments[side, 2], segments[side, 3], chain[5][2] / leg
            )
    hips_z = float(j["right_hip"][2] + j["left_hip"][2]) / 2
    return Pose(
        kind="mocap", pelvis=pelvis, chest=chest, head=head, segments=segments,
        clip=clip.name, frame=frame, root_height=hips_z / (leg * (1 + ANKLE_SHARE)),
    )  # fmt: skip


def inferred_foot(pelvis: Array, thigh: Array, shank: Array, ankle_height: float) -> Array:
    """Direction (3,) from ankle to toes where only the ankle was captured.

    The relaxed foot makes about 115 degrees with the shank. Near the floor it is flat, and it never
    goes through it. ankle_height: in leg lengths.
    """
    bent = smooth_step(angle_deg(thigh, shank), 10.0, 35.0)
    lateral = bent * unit(cross(thigh, shank)) + (1 - bent) * pelvis[:, 0]
    lateral = unit(lateral - (lateral @ shank) * shank)
    foot = axis_rotation(lateral, np.radians(25.0)) @ cross(shank, lateral)
    level = np.array([foot[0], foot[1], 0.0])
    if level @ level < 0.04:
        return foot
    level = unit(level)
    pitch = float(np.arcsin(np.clip(foot[2], -1, 1)))
    flat = 1 - smooth_step(ankle_height, ANKLE_SHARE, 1.8 * ANKLE_SHARE)
    flat *= 1 - smooth_step(abs(pitch - FLAT_FOOT_PITCH), 0.6, 1.0)
    pitch += flat * (FLAT_FOOT_PITCH - pitch)
    lowest = -float(np.arcsin(np.clip((ankle_height - 0.01) / FOOT_SHARE, 0.0, 1.0)))
    pitch = max(pitch, lowest)
    return np.array([level[0] * np.cos(pitch), level[1] * np.cos(pitch), np.sin(pitch)])


def _head(chest: Array, up: Array, neutral_nod: float) -> Array:
    """Head rotation: the chest's heading, with nod and tilt of the line from neck to head."""
    local = chest.T @ unit(up)
    nod = float(np.arctan2(-local[1], local[2])) - neutral_nod
    tilt = float(np.arcsin(np.clip(local[0], -1, 1)))
    nod, tilt = float(np.clip(nod, -1.0, 1.0)), float(np.clip(tilt, -0.7, 0.7))
    return (
        chest
        @ axis_rotation(np.array([1.0, 0.0, 0.0]), nod)
        @ axis_rotation(np.array([0.0, 1.0, 0.0]), tilt)
    )


@lru_cache(maxsize=64)
def _neutral_nod(clip: Clip) -> float:
    """Forward lean [rad] of the neck-head line of a person who looks ahead."""
    if not clip.name.startswith("climb"):
        return 0.0
    up = clip.joints[:, clip.names.index("head")] - clip.joints[:, clip.names.index("neck")]
    spine = clip.joints[:, clip.names.index("neck")] - clip.joints[:, clip.names.index("chest")]
    left = (
        clip.joints[:, clip.names.index("left_shoulder")]
        - clip.joints[:, clip.names.index("right_shoulder")]
    )
    leans = [
        np.arctan2(-(c.T @ u)[1], (c.T @ u)[2])
        for u, c in ((u, frame_from(x, s)) for u, s, x in zip(up, spine, left, strict=True))
    ]
    return float(np.median(leans))
