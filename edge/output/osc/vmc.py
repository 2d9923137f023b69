"""A person as messages of the VMC protocol (https://protocol.vmc.info), for a VRM avatar.

Its axes are Unity's (left-handed): x to the right of whoever faces the camera, y up, z
towards the camera, as avatars face z at rest. Bones have the turn and
place that they have in the axes of the bone they hang on, as in a VRM 0 model at rest in a T.
"""

import struct
from collections.abc import Sequence

from edge.output.osc.encoding import head
from edge.output.skeleton import NAMES, Vector, fit

_POSE_TYPES = "sfffffff"
# Unity's bone, ours whose turn it has, the node that says where it is, and the share of that way.
# The trunk is straight, so its bones may divide it as they like. Bones that nothing was measured of
# (head, feet, fingers) are not sent or not turned; hands and feet say where wrists and ankles are.
_BONES = (
    ("Hips", "Hips", "Hips", 0.0), ("Spine", "Spine", "Spine", 0.0),
    ("Chest", "", "Neck", 0.5), ("UpperChest", "", "Spine", 0.0), ("Neck", "Neck", "Neck", 0.5),
    *(
        bone
        for side in ("Left", "Right")
        for bone in (
            (f"{side}Shoulder", f"{side}Shoulder", f"{side}Shoulder", 0.5),
            (f"{side}UpperArm", f"{side}Arm", f"{side}Arm", 1.0),
            (f"{side}LowerArm", f"{side}ForeArm", f"{side}ForeArm", 1.0),
            (f"{side}Hand", "", f"{side}Hand", 1.0),
            (f"{side}UpperLeg", f"{side}UpLeg", f"{side}UpLeg", 1.0),
            (f"{side}LowerLeg", f"{side}Leg", f"{side}Leg", 1.0),
            (f"{side}Foot", "", f"{side}Foot", 1.0),
        )
    ),
)  # fmt: skip
_UNTURNED = len(NAMES)
_TURNS = [NAMES.index(turn) if turn else _UNTURNED for _, turn, _, _ in _BONES]
_PLACES = [(NAMES.index(node), share) for _, _, node, share in _BONES]
_HEADS = [head("/VMC/Ext/Bone/Pos", _POSE_TYPES, name) for name, _, _, _ in _BONES]
_ROOT = head("/VMC/Ext/Root/Pos", _POSE_TYPES, "root") + struct.pack(">7f", *[0.0] * 6, 1.0)
# A model is loaded, calibrated (3), in normal mode (0), and tracked (1) or not (0).
_OK = head("/VMC/Ext/OK", "iiii")
_TIME = head("/VMC/Ext/T", "f")


def person_messages(joints: Sequence[Vector], t_s: float) -> list[bytes]:
    """All of one pose. joints: 15, finite, in the axes of edge/output/skeleton.py [m]. t_s: the
    sensor's time.
    """
    pose = fit(joints)
    messages = [*_state(1, t_s), _ROOT]
    for beginning, turn, (node, share) in zip(_HEADS, _TURNS, _PLACES, strict=True):
        x, y, z = pose.root if node == 0 else pose.offsets[node]
        if node:
            x, y, z = share * x, share * y, share * z
        a, b, c, w = pose.turns[turn] if turn != _UNTURNED else (0.0, 0.0, 0.0, 1.0)
        # Unity's x is ours reversed, and so is the sense of turns about the other two axes.
        messages.append(beginning + struct.pack(">7f", -x, y, z, a, -b, -c, w))
    return messages


def lost_messages(t_s: float) -> list[bytes]:
    """Nobody is followed now."""
    return _state(0, t_s)


def _state(tracked: int, t_s: float) -> list[bytes]:
    return [_OK + struct.pack(">4i", 1, 3, 0, tracked), _TIME + struct.pack(">f", t_s)]
