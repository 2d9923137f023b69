"""BVH (Biovision hierarchy): a skeleton of fixed lengths, and its turns in each frame.

Metres; y up, z towards the camera, x to the left of whoever faces it. At rest in a T, facing z.
Channels: place of the hips, and for each bone turns about z, x, y in that order.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from edge.core.arrays import Array, IntArray
from edge.core.pose import N_JOINTS
from edge.output.skeleton import JOINT_OF_NODE, N_BONES, NAMES, PARENTS, fit, upright
from edge.tools.conversion.takes import Take

_TURNS = "Zrotation Xrotation Yrotation"


@dataclass(frozen=True, eq=False)
class Motion:
    """A person's poses as one skeleton. offsets: (18, 3) [m] of each node in the axes of the bone
    it hangs on. root: (T, 3) [m]. turns: (T, 13, 3) [degrees] about z, x, y. off_m: (T,) mean
    distance of a pose's joints from those of the messages, whose bones have other lengths in each.
    """

    offsets: Array
    root: Array
    turns: Array
    off_m: Array


def whole_poses(take: Take) -> Array:
    """(T,) which poses have all joints: a skeleton needs them."""
    return np.asarray(np.isfinite(take.joints).all((1, 2)))


def make_motion(take: Take) -> Motion:
    """The skeleton of a take whose poses are all whole: lengths are medians over them."""
    joints = upright(take.joints, room=take.room)
    places = joints.tolist()
    offsets = np.median(np.array([fit(pose).offsets for pose in places]), axis=0)
    lengths = offsets.tolist()
    quaternions = np.array([fit(pose, lengths).turns for pose in places])
    root = joints[:, 8]
    turns = [Rotation.from_quat(quaternions[:, bone]) for bone in range(N_BONES)]
    off = np.linalg.norm(_joints(root, turns, offsets) - joints, axis=2).mean(1)
    with warnings.catch_warnings():  # a quarter turn about x has many equal writings: any will do
        warnings.simplefilter("ignore", UserWarning)
        angles = np.stack([turn.as_euler("ZXY", degrees=True) for turn in turns], axis=1)
    return Motion(offsets, root, angles, off)


def bvh_text(motion: Motion, rows: IntArray, interval_s: float) -> str:
    """The file's text. rows: (S,) which pose each frame shows."""
    frames = [_numbers([*motion.root[pose], *motion.turns[pose].ravel()]) for pose in rows]
    return "\n".join(
        [
            "HIERARCHY",
            *_hierarchy(0, motion.offsets, ""),
            "MOTION",
            f"Frames: {len(frames)}",
            f"Frame Time: {interval_s:.7f}",
            *frames,
            "",
        ]
    )


def _hierarchy(node: int, offsets: Array, indent: str) -> Iterator[str]:
    title = f"JOINT {NAMES[node]}" if node < N_BONES else "End Site"
    channels = f"3 {_TURNS}"
    if node == 0:
        title = f"ROOT {NAMES[0]}"
        channels = f"6 Xposition Yposition Zposition {_TURNS}"
    yield f"{indent}{title}"
    yield f"{indent}{{"
    yield f"{indent}  OFFSET {_numbers(offsets[node])}"
    if node < N_BONES:
        yield f"{indent}  CHANNELS {channels}"
    for child, parent in enumerate(PARENTS):
        if parent == node:
            yield from _hierarchy(child, offsets, indent + "  ")
    yield f"{indent}}}"


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{round(float(v), 6) + 0.0:.6f}" for v in values)  # + 0.0: no -0.0


def _joints(root: Array, turns: list[Rotation], offsets: Array) -> Array:
    """Joints (T, 15, 3) of a skeleton with these lengths."""
    world, places = [turns[0]], [root]
    joints = np.empty((len(root), N_JOINTS, 3))
    for node in range(1, len(NAMES)):
        before = world[PARENTS[node]]
        places.append(places[PARENTS[node]] + before.apply(offsets[node]))
        if node < N_BONES:
            world.append(before * turns[node])
    for node, joint in enumerate(JOINT_OF_NODE):
        joints[:, joint] = places[node]
    return joints
