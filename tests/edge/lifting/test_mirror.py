"""The mirrored world, through which each person is lifted once more."""

import numpy as np

from edge.lifting.mirror import MIRROR, mirrored, mirrored_rig
from tests.support.scenes.lifter import CAMERA, make_rig, standing


def test_a_mirrored_world_has_the_same_arrivals() -> None:
    rig, joints = make_rig(CAMERA), standing(2.4, CAMERA)
    np.testing.assert_allclose(
        mirrored_rig(rig).arrival_s(mirrored(joints)), rig.arrival_s(joints)[:, MIRROR], rtol=1e-12
    )
    down = -CAMERA.room_rotation[2]
    np.testing.assert_allclose(
        -mirrored_rig(rig).camera.room_rotation[2], down * (-1.0, 1.0, 1.0), atol=1e-12
    )
