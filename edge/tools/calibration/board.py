"""The camera: intrinsics from a printed ChArUco board; height, tilt and roll from that board on the
floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array, Image
from edge.core.calibration_file import IntrinsicsPart, MountingPart, Step
from edge.core.errors import ConfigError
from edge.core.rig import Camera

LEAST_IMAGES = 8
LEAST_CORNERS = 8
ERROR_LIMIT_PX = 0.7
COVERED_LIMIT = 0.5
PRINT_DPI = 300
_CELLS = 8  # of the image, across and down, for what share the board covered


@dataclass(frozen=True)
class Board:
    """A printed ChArUco board. columns, rows: squares. square_m: side of one as printed [m]:
    measure it on the paper.
    """

    columns: int = 7
    rows: int = 5
    square_m: float = 0.036

    def made(self) -> Any:
        """OpenCV's board: markers of 5 x 5 bits, three quarters of a square."""
        markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
        return cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square_m, 0.75 * self.square_m, markers
        )

    def image(self) -> Image:
        """The board to print at PRINT_DPI, with a white margin of half a square."""
        square = round(self.square_m / 0.0254 * PRINT_DPI)
        size = ((self.columns + 1) * square, (self.rows + 1) * square)
        return np.asarray(self.made().generateImage(size, marginSize=square // 2), np.uint8)

    def save(self, file: Path) -> None:
        """Write the image. Raises ConfigError."""
        if file.suffix.lower() != ".png" or not cv2.imwrite(str(file), self.image()):
            raise ConfigError(
                f"{file}: cannot be written; give --print-board a .png where you may write"
            )

    def corners(self, image: Image) -> tuple[Array, Array]:
        """Corners seen in an RGB or grey image: on the board (K, 3) [m] and in the image (K, 2)
        [px]; K is 0 without a board.
        """
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        board = self.made()
        found, ids, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(grey)
        if ids is None or len(ids) < 4:
            return np.empty((0, 3)), np.empty((0, 2))
        return np.asarray(board.getChessboardCorners(), np.float64)[ids.ravel()], np.asarray(
            found, np.float64
        ).reshape(-1, 2)


def read_images(folder: Path) -> list[Image]:
    """All JPEG and PNG images of a folder, RGB. Raises ConfigError."""
    files = (
        sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if folder.is_dir()
        else []
    )
    if not files:
        raise ConfigError(
            f"{folder}: no images (*.jpg, *.png); take {LEAST_IMAGES} and more of the board with this camera"
        )
    return [read_image(f) for f in files]


def read_image(file: Path) -> Image:
    """One image, RGB. Raises ConfigError."""
    image = cv2.imread(str(file))
    if image is None:
        raise ConfigError(f"{file}: cannot be read as an image; take it again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def calibrate_intrinsics(
    images: Sequence[Image], board: Board, size: tuple[int, int]
) -> tuple[IntrinsicsPart | None, Step]:
    """images: of the board at all distances and angles. size: (width, height) of the frames [px].
    Raises ConfigError.
    """
    objects: list[npt.NDArray[np.float32]] = []
    pixels: list[npt.NDArray[np.float32]] = []
    covered = np.zeros((_CELLS, _CELLS), bool)
    for image in images:
        if image.shape[1::-1] != size:
            raise ConfigError(
                f"an image has {image.shape[1]} x {image.shape[0]} pixels, but the camera is set to {size[0]} x {size[1]}"
            )
        on_board, in_image = board.corners(image)
        if len(on_board) >= LEAST_CORNERS:
            objects.append(on_board.astype(np.float32))
            pixels.append(in_image.astype(np.float32))
            cells = np.clip((in_image / size * _CELLS).astype(int), 0, _CELLS - 1)
            covered[cells[:, 1], cells[:, 0]] = True
    if len(objects) < LEAST_IMAGES:
        found = f"the board was found in {len(objects)} of {len(images)} images, but {LEAST_IMAGES} are needed"
        return None, Step(
            "intrinsics",
            "open",
            found,
            "take more, sharp and well lit, the board filling half of the image",
        )
    start, flags = (
        np.array([[size[0], 0, size[0] / 2], [0, size[0], size[1] / 2], [0, 0, 1]], np.float64),
        cv2.CALIB_FIX_K3,
    )
    error, matrix, distortion, _, _ = cv2.calibrateCamera(
        objects, pixels, size, start, np.zeros(5), flags=flags | cv2.CALIB_USE_INTRINSIC_GUESS
    )
    k1, k2, p1, p2, k3 = (round(float(k), 6) for k in distortion.ravel()[:5])
    share = float(covered.mean())
    part = IntrinsicsPart(
        width=size[0],
        height=size[1],
        fx=round(float(matrix[0, 0]), 3),
        fy=round(float(matrix[1, 1]), 3),
        cx=round(float(matrix[0, 2]), 3),
        cy=round(float(matrix[1, 2]), 3),
        distortion=(k1, k2, p1, p2, k3),
        error_px=round(float(error), 4),
        images=len(objects),
        covered=round(share, 3),
    )
    found = f"focal length {part.fx:.0f} px, {error:.2f} px left, {len(objects)} images over {100 * share:.0f} % of the picture"
    if error > ERROR_LIMIT_PX:
        return None, Step(
            "intrinsics",
            "open",
            found,
            "fix the board to something flat, and keep it still for each image",
        )
    if share < COVERED_LIMIT:
        return part, Step(
            "intrinsics",
            "warning",
            found,
            "take images with the board in the picture's corners, too",
        )
    return part, Step("intrinsics", "ok", found)


def mounting_from_board(
    image: Image, board: Board, camera: Camera
) -> tuple[MountingPart | None, Step]:
    """image: of the board lying on the floor. Its plane is the floor."""
    on_board, in_image = board.corners(image)
    if len(on_board) < LEAST_CORNERS:
        found = f"{len(on_board)} corners of the board on the floor are seen, but {LEAST_CORNERS} are needed"
        return None, Step(
            "mounting",
            "open",
            found,
            "lay it nearer to the camera, in better light, or print it larger",
        )
    good, turn, shift = cv2.solvePnP(
        on_board, in_image, camera.matrix, np.array(camera.distortion), flags=cv2.SOLVEPNP_IPPE
    )
    if not good:
        return None, Step(
            "mounting",
            "open",
            "the board's plane cannot be told",
            "lay it flat and nearer to the camera",
        )
    projected, _ = cv2.projectPoints(
        on_board, turn, shift, camera.matrix, np.array(camera.distortion)
    )
    error = float(np.sqrt(np.mean(np.sum((projected.reshape(-1, 2) - in_image) ** 2, axis=1))))
    normal = np.asarray(cv2.Rodrigues(turn)[0], np.float64)[:, 2]
    height = float(normal @ shift.ravel())
    # The floor is below: up points from it to the camera.
    up, height = (-normal, height) if height > 0.0 else (normal, -height)
    tilt, roll = tilt_and_roll(up)
    part = MountingPart(round(height, 4), round(tilt, 3), round(roll, 3), round(error, 3), "board")
    found = f"camera {height:.2f} m above the floor, tilted {tilt:.1f} degrees down, rolled {roll:.1f} degrees ({error:.2f} px left)"
    if error > 2.0 * ERROR_LIMIT_PX:
        return None, Step(
            "mounting",
            "open",
            found,
            "the board must lie flat; calibrate the intrinsics first (--board)",
        )
    return part, Step("mounting", "ok", found)


def tilt_and_roll(up: Array) -> tuple[float, float]:
    """Tilt and roll [degrees], as `Camera` has them, of a camera in whose frame `up` (3,) points
    upwards.
    """
    x, y, z = up / np.linalg.norm(up)
    return float(np.degrees(np.arcsin(np.clip(-z, -1.0, 1.0)))), float(
        np.degrees(np.arctan2(-x, -y))
    )
