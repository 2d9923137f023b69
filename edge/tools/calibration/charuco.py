"""The camera: intrinsics from a printed ChArUco board; height, tilt, roll from the floor."""

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
from edge.core.files import check_native
from edge.core.rig import Camera

LEAST_IMAGES = 8
LEAST_CORNERS = 8
ERROR_LIMIT_PX = 0.7
COVERED_LIMIT = 0.5
PRINT_DPI = 300
_CELLS = 8  # across and down the image, to count the share that the board covered


@dataclass(frozen=True)
class CharucoBoard:
    """A printed ChArUco board. columns, rows: of squares. square_m: side of a square [m]."""

    columns: int = 7
    rows: int = 5
    square_m: float = 0.036

    def opencv(self) -> Any:
        """OpenCV's board: markers of 5 x 5 bits, three quarters of a square."""
        markers = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_5X5_100)
        return cv2.aruco.CharucoBoard(
            (self.columns, self.rows), self.square_m, 0.75 * self.square_m, markers
        )

    def image(self) -> Image:
        """The board to print at PRINT_DPI, with a white margin of half a square."""
        square = round(self.square_m / 0.0254 * PRINT_DPI)
        size = ((self.columns + 1) * square, (self.rows + 1) * square)
        return np.asarray(self.opencv().generateImage(size, marginSize=square // 2), np.uint8)

    def save(self, file: Path) -> None:
        """Write the image. Raises ConfigError."""
        if file.suffix.lower() != ".png" or not cv2.imwrite(str(file), self.image()):
            raise ConfigError(
                f"{file}: cannot be written; give --print-board a .png where you may write"
            )

    def corners(self, image: Image) -> tuple[Array, Array]:
        """Corners that an RGB or grey image shows: on the board (K, 3) [m] and in the image (K, 2)
        [px]; K = 0 without a board.
        """
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        board = self.opencv()
        found, ids, _, _ = cv2.aruco.CharucoDetector(board).detectBoard(grey)
        if ids is None or len(ids) < 4:
            return np.empty((0, 3)), np.empty((0, 2))
        corners = np.asarray(board.getChessboardCorners(), np.float64)
        return corners[ids.ravel()], np.asarray(found, np.float64).reshape(-1, 2)


def read_images(folder: Path) -> list[Image]:
    """All JPEG and PNG images of a folder, RGB. Raises ConfigError."""
    files = (
        sorted(p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if folder.is_dir()
        else []
    )
    if not files:
        raise ConfigError(
            f"{folder}: no images (*.jpg, *.png); "
            f"take {LEAST_IMAGES} and more of the board with this camera"
        )
    return [read_image(f) for f in files]


def read_image(file: Path) -> Image:
    """One image, RGB. Raises ConfigError."""
    try:
        check_native(file)
    except OSError as e:
        raise ConfigError(
            f"{file}: cannot be read as an image ({e.strerror}); take it again"
        ) from e
    image = cv2.imread(str(file))
    if image is None:
        raise ConfigError(f"{file}: cannot be read as an image; take it again")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def calibrate_intrinsics(
    images: Sequence[Image], board: CharucoBoard, size: tuple[int, int]
) -> tuple[IntrinsicsPart | None, Step]:
    """Focal length, centre and distortion; None where they are not good enough to be written.

    images: of the board at all distances and angles. size: (width, height) of the frames [px].
    Raises ConfigError where an image has another size.
    """
    objects: list[npt.NDArray[np.float32]] = []
    pixels: list[npt.NDArray[np.float32]] = []
    covered = np.zeros((_CELLS, _CELLS), bool)
    for image in images:
        if image.shape[1::-1] != size:
            raise ConfigError(
                f"an image has {image.shape[1]} x {image.shape[0]} pixels, "
                f"but the camera is set to {size[0]} x {size[1]}"
            )
        on_board, in_image = board.corners(image)
        if len(on_board) >= LEAST_CORNERS:
            objects.append(on_board.astype(np.float32))
            pixels.append(in_image.astype(np.float32))
            cells = np.clip((in_image / size * _CELLS).astype(int), 0, _CELLS - 1)
            covered[cells[:, 1], cells[:, 0]] = True
    if len(objects) < LEAST_IMAGES:
        found = f"the board was found in {len(objects)} of {len(images)} images"
        remedy = "take more, sharp and well lit, the board filling half of the image"
        return None, Step("intrinsics", "open", f"{found}, but {LEAST_IMAGES} are needed", remedy)
    width, height = size
    start = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], np.float64)
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_USE_INTRINSIC_GUESS
    error, matrix, distortion, _, _ = cv2.calibrateCamera(
        objects, pixels, size, start, np.zeros(5), flags=flags
    )
    k1, k2, p1, p2, k3 = (round(float(k), 6) for k in distortion.ravel()[:5])
    share = float(covered.mean())
    part = IntrinsicsPart(
        width=width,
        height=height,
        fx=round(float(matrix[0, 0]), 3),
        fy=round(float(matrix[1, 1]), 3),
        cx=round(float(matrix[0, 2]), 3),
        cy=round(float(matrix[1, 2]), 3),
        distortion=(k1, k2, p1, p2, k3),
        error_px=round(float(error), 4),
        images=len(objects),
        covered=round(share, 3),
    )
    found = (
        f"focal length {part.fx:.0f} px, {error:.2f} px left, "
        f"{len(objects)} images over {100 * share:.0f} % of the picture"
    )
    if error > ERROR_LIMIT_PX:
        remedy = "fix the board to something flat, and keep it still for each image"
        return None, Step("intrinsics", "open", found, remedy)
    if share < COVERED_LIMIT:
        remedy = "take images with the board in the picture's corners, too"
        return part, Step("intrinsics", "warning", found, remedy)
    return part, Step("intrinsics", "ok", found)


def mounting_from_board(
    image: Image, board: CharucoBoard, camera: Camera
) -> tuple[MountingPart | None, Step]:
    """Height, tilt and roll from an image of the board lying on the floor."""
    on_board, in_image = board.corners(image)
    if len(on_board) < LEAST_CORNERS:
        found = f"{len(on_board)} corners of the board on the floor are seen"
        remedy = "lay it nearer to the camera, in better light, or print it larger"
        return None, Step("mounting", "open", f"{found}, but {LEAST_CORNERS} are needed", remedy)
    lens = np.array(camera.distortion)
    good, turn, shift = cv2.solvePnP(
        on_board, in_image, camera.matrix, lens, flags=cv2.SOLVEPNP_IPPE
    )
    if not good:
        found, remedy = "the board's plane cannot be told", "lay it flat and nearer to the camera"
        return None, Step("mounting", "open", found, remedy)
    projected, _ = cv2.projectPoints(on_board, turn, shift, camera.matrix, lens)
    error = float(np.sqrt(np.mean(np.sum((projected.reshape(-1, 2) - in_image) ** 2, axis=1))))
    normal = np.asarray(cv2.Rodrigues(turn)[0], np.float64)[:, 2]
    height = float(normal @ shift.ravel())
    # The floor is below: up points from it to the camera.
    up, height = (-normal, height) if height > 0.0 else (normal, -height)
    tilt, roll = tilt_and_roll(up)
    part = MountingPart(round(height, 4), round(tilt, 3), round(roll, 3), round(error, 3), "board")
    found = f"{mounted(height, tilt, roll)} ({error:.2f} px left)"
    if error > 2.0 * ERROR_LIMIT_PX:
        remedy = "the board must lie flat; calibrate the intrinsics first (--board)"
        return None, Step("mounting", "open", found, remedy)
    return part, Step("mounting", "ok", found)


def mounted(height_m: float, tilt_deg: float, roll_deg: float) -> str:
    """Height, tilt and roll in words."""
    return (
        f"camera {height_m:.2f} m above the floor, tilted {tilt_deg:.1f} degrees down, "
        f"rolled {roll_deg:.1f} degrees"
    )


def tilt_and_roll(up: Array) -> tuple[float, float]:
    """Tilt and roll [degrees], as in `Camera`. up: (3,) points upwards in the camera frame."""
    x, y, z = up / np.linalg.norm(up)
    tilt, roll = np.arcsin(np.clip(-z, -1.0, 1.0)), np.arctan2(-x, -y)
    return float(np.degrees(tilt)), float(np.degrees(roll))
