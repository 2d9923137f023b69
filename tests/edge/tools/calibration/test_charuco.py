"""The camera from photographs of the printed board."""

import cv2
import numpy as np
import pytest

from edge.core.errors import ConfigError
from edge.core.rig import Camera
from edge.tools.calibration.charuco import CharucoBoard, calibrate_intrinsics, mounting_from_board

CAMERA = Camera(640, 480, 520.0, 524.0, 326.0, 236.0, (-0.1, 0.03, 0.0, 0.0, 0.0), 1.3, 25.0, 2.0)
BOARD = CharucoBoard()


def photograph(turn, shift, board=BOARD, camera=CAMERA):
    """An image (H, W, 3) of the printed board: each ray through the lens meets the paper."""
    square = 60
    paper = board.opencv().generateImage(
        ((board.columns + 1) * square, (board.rows + 1) * square), marginSize=square // 2
    )
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = camera.rays(np.stack([u, v], axis=-1).astype(float))
    rotation = cv2.Rodrigues(np.array(turn, float))[0]
    normal = rotation[:, 2]
    reach = (normal @ np.array(shift)) / (rays @ normal)
    on_board = (rays * reach[..., None] - shift) @ rotation
    maps = (on_board[..., :2] * (square / board.square_m) + square // 2 - 0.5).astype(np.float32)
    maps[reach < 0.0] = -1.0  # behind the camera
    image = cv2.remap(
        cv2.GaussianBlur(paper, (0, 0), 1.0),
        maps[..., 0],
        maps[..., 1],
        cv2.INTER_LINEAR,
        borderValue=180,
    )
    return np.repeat(image.astype(np.uint8)[..., None], 3, axis=2)


def test_intrinsics_from_a_board():
    rng = np.random.default_rng(0)
    images = []
    for _ in range(14):
        shift = np.array([rng.uniform(-0.3, 0.05), rng.uniform(-0.22, 0.04), rng.uniform(0.4, 0.6)])
        images.append(photograph(rng.uniform(-0.5, 0.5, 3), shift))
    part, step = calibrate_intrinsics(images, BOARD, (640, 480))
    assert part is not None, step.found
    assert part.error_px < 0.7
    assert part.fx == pytest.approx(520.0, rel=0.01)
    assert part.cx == pytest.approx(326.0, abs=5.0)
    assert part.distortion[0] == pytest.approx(-0.1, abs=0.04)
    few, step = calibrate_intrinsics(images[:3], BOARD, (640, 480))
    assert few is None
    assert step.outcome == "open"
    with pytest.raises(ConfigError, match="camera is set to 320 x 240"):
        calibrate_intrinsics(images[:1], BOARD, (320, 240))


def test_mounting_from_the_board_on_the_floor():
    # Board axes on the floor: x right, y towards the camera, so that its z points down.
    rotation = CAMERA.room_rotation.T @ np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    turn = cv2.Rodrigues(rotation)[0].ravel()
    board = CharucoBoard(square_m=0.1)
    part, step = mounting_from_board(
        photograph(turn, CAMERA.from_room([-0.4, 1.8, 0.0]), board), board, CAMERA
    )
    assert part is not None, step.found
    assert (part.height_m, part.method) == (pytest.approx(1.3, abs=0.03), "board")
    assert part.tilt_deg == pytest.approx(25.0, abs=1.0)
    assert part.roll_deg == pytest.approx(2.0, abs=1.0)
    nothing, step = mounting_from_board(np.full((480, 640, 3), 128, np.uint8), BOARD, CAMERA)
    assert nothing is None
    assert step.outcome == "open"
