"""Pictures of no people, and of people who are not there: made of what Python packages carry.

They are not part of this repository: the command unpacks the wheels that it is given.
"""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Image
from edge.core.errors import SessionError

WIDTH, HEIGHT = 640, 480
WHEELS = ("scikit_image", "scikit_learn", "gradio", "imgaug", "matplotlib", "pose2sim")
# Package and the file's place in its wheel. The licences: scikit-image, scikit-learn, imgaug,
# matplotlib and pose2sim as listed in each (CC0, CC BY, BSD, MIT), gradio Apache-2.0.
NOBODY = (
    *(
        ("scikit_image", f"skimage/data/{name}")
        for name in (
            "brick.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
            "color.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png",
            "logo.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png",
            "phantom.png", "retina.jpg", "rocket.jpg", "text.png", "chessboard_GRAY.png",
        )
    ),
    ("scikit_learn", "sklearn/datasets/images/china.jpg"),
    ("scikit_learn", "sklearn/datasets/images/flower.jpg"),
    *(
        ("gradio", f"gradio/media_assets/images/{name}")
        for name in ("bus.png", "cheetah.jpg", "cheetah1.jpg", "lion.jpg", "tower.jpg")
    ),
    ("gradio", "gradio/test_data/cheetah2.jpg"),
    ("imgaug", "imgaug/quokka.jpg"),
    ("pose2sim", "Pose2Sim/Demo_SinglePerson/calibration/extrinsics/cam03_ext.png"),
)  # fmt: skip
# The rest of the 40 are mirror images of those that are most like somebody.
MIRRORED = ("chelsea.png", "lion.jpg", "cheetah1.jpg", "cheetah2.jpg", "quokka.jpg", "horse.png",
            "coffee.png", "cam03_ext.png")  # fmt: skip
ROOM = ("pose2sim", "Pose2Sim/Demo_SinglePerson/calibration/extrinsics/cam03_ext.png")
FILM = "Pose2Sim/Demo_{}/videos/cam{:02d}.mp4"


@dataclass(frozen=True, eq=False)
class Picture:
    """What the camera sees. frames: images (HEIGHT, WIDTH, 3) uint8 RGB, shown over and over."""

    name: str
    frames: Sequence[Image]


class Wheels:
    """The packages' wheels in one folder. Raises SessionError where one is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        missing = [w for w in WHEELS if not list(folder.glob(f"{w}-*.whl"))]
        if missing:
            names = " ".join(m.replace("_", "-") for m in missing)
            raise SessionError(
                f"{folder}: no wheel of {', '.join(missing)}; "
                f"run: pip download --no-deps -d {folder} {names}"
            )

    def read(self, package: str, place: str) -> bytes:
        """One file of one wheel."""
        wheel = sorted(self._folder.glob(f"{package}-*.whl"))[-1]
        try:
            return zipfile.ZipFile(wheel).read(place)
        except (KeyError, zipfile.BadZipFile) as e:
            raise SessionError(f"{wheel}: no {place} in it ({e}); take another version") from e

    def image(self, package: str, place: str) -> Image:
        """A picture of a wheel, RGB."""
        data = np.frombuffer(self.read(package, place), np.uint8)
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if bgr is None:
            raise SessionError(f"{package}: {place} is no picture that can be read")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def film(self, demo: str, camera: int, scratch: Path) -> list[Image]:
        """Every second frame of one of pose2sim's videos, RGB."""
        file = scratch / f"{demo}{camera}.mp4"
        file.write_bytes(self.read("pose2sim", FILM.format(demo, camera)))
        capture, frames = cv2.VideoCapture(str(file)), []
        while True:
            ok, bgr = capture.read()
            if not ok:
                break
            frames.append(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8))
        capture.release()
        return frames[::2]


def without_people(wheels: Wheels) -> Iterator[Picture]:
    """40 pictures without people."""
    for package, place in NOBODY:
        name, image = place.rsplit("/", 1)[-1], wheels.image(package, place)
        yield Picture(name, [fitted(image)])
        if name in MIRRORED:
            yield Picture(f"{name}, mirrored", [fitted(_mirrored(image))])


def not_there(wheels: Wheels, scratch: Path) -> Iterator[Picture]:
    """10 pictures of rooms with people in televisions, posters and mirrors, and of a doll."""
    room = fitted(wheels.image(*ROOM), fill=True)
    single, several = (
        {c: wheels.film(demo, c, scratch) for c in cameras}
        for demo, cameras in (("SinglePerson", (1, 3, 4)), ("MultiPerson", (2, 3)))
    )

    def on_the_wall(
        name: str, frames: Sequence[Image], place: tuple[int, int, int, int]
    ) -> Picture:
        return Picture(name, [hung(room, f, place) for f in frames])

    yield on_the_wall("television, whole person", single[3], (200, 60, 240, 380))
    yield on_the_wall("television, two people", several[2], (60, 80, 220, 340))
    yield on_the_wall("television, wide", [_top(f) for f in single[4]], (120, 90, 400, 280))
    yield on_the_wall("television, person from behind", several[3], (340, 60, 240, 380))
    for name, package, place in (
        ("astronaut", "scikit_image", "skimage/data/astronaut.png"),
        ("Grace Hopper", "matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
        ("cameraman", "scikit_image", "skimage/data/camera.png"),
    ):
        yield on_the_wall(f"poster, {name}", [wheels.image(package, place)], (220, 60, 260, 300))
    yield on_the_wall(
        "mirror, whole person", [_mirrored(f) for f in single[1]], (230, 20, 240, 430)
    )
    yield on_the_wall("mirror, two people", [_mirrored(f) for f in several[3]], (100, 20, 240, 430))
    groot = wheels.image("gradio", "gradio/media_assets/images/groot.jpeg")
    yield Picture("doll", [fitted(groot, fill=True)])


def _mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def _top(image: Image) -> Image:
    """The upper part, as wide as a television."""
    return image[: round(0.7 * image.shape[1])]


def fitted(image: Image, fill: bool = False) -> Image:
    """The image scaled into HEIGHT x WIDTH, grey around it; or, to fill, cut."""
    height, width = image.shape[:2]
    scale = (max if fill else min)(WIDTH / width, HEIGHT / height)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    h, w = min(small.shape[0], HEIGHT), min(small.shape[1], WIDTH)
    top, left = (HEIGHT - h) // 2, (WIDTH - w) // 2
    y, x = (small.shape[0] - h) // 2, (small.shape[1] - w) // 2
    out[top : top + h, left : left + w] = small[y : y + h, x : x + w]
    return out


def hung(room: Image, shown: Image, place: tuple[int, int, int, int]) -> Image:
    """The room with a framed picture at x, y, width, height [px]; the picture is cut to fit."""
    x, y, width, height = place
    scale = max(width / shown.shape[1], height / shown.shape[0])
    small = cv2.resize(shown, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    left, top = (small.shape[1] - width) // 2, (small.shape[0] - height) // 2
    out = room.copy()
    out[y - 6 : y + height + 6, x - 6 : x + width + 6] = 30
    out[y : y + height, x : x + width] = small[top : top + height, left : left + width]
    return out
