"""The images of a session folder, from frames.mp4 or from frames/."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.errors import EndOfStreamError, SessionError
from edge.core.files import check_native


class FrameReader:
    """Images of a session in order, from frames.mp4 or from frames/."""

    def __init__(self, path: Path, size: tuple[int, int] | None = None):
        """path: the session folder. size: (width, height) that every image must have [px], None:
        that of the first. Raises SessionError where there are no readable images.
        """
        self._video: Any = None
        self._files: list[Path] = []
        self._next = 0
        self._size = size
        movie, folder = path / "frames.mp4", path / "frames"
        if movie.exists():
            _check_native(movie)
            self._video = cv2.VideoCapture(str(movie))
        if self._video is not None and self._video.isOpened():
            self.name, self.count = "frames.mp4", round(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        elif folder.is_dir():
            self._video = None
            self._files = in_order(list(folder.glob("*.jpg")))
            self.name, self.count = "frames/", len(self._files)
        elif movie.exists():
            raise SessionError(
                f"{movie}: not a readable video ({movie.stat().st_size} bytes); "
                "copy or record it again"
            )
        else:
            raise SessionError(
                f"{path}: neither frames.mp4 nor frames/ is there; copy the session again"
            )
        self._path = path

    def read(self) -> npt.NDArray[np.uint8]:
        """Next image (H, W, 3) RGB. Raises EndOfStreamError, or SessionError if undecodable."""
        if self._next >= self.count:
            raise EndOfStreamError(f"{self._path}: all {self.count} images are read")
        if self._video is not None:
            ok, image = self._video.read()
        else:
            _check_native(self._files[self._next])
            image = cv2.imread(str(self._files[self._next]))
            ok = image is not None
        if not ok:
            raise SessionError(
                f"{self._path / self.name}: image {self._next} of {self.count} cannot be decoded; "
                "copy it again"
            )
        found = (image.shape[1], image.shape[0])
        self._size = self._size or found
        if found != self._size:
            raise SessionError(
                f"{self._path / self.name}: image {self._next} has {found[0]} x {found[1]} pixels, "
                f"but {self._size[0]} x {self._size[1]} are needed; record or copy it again"
            )
        self._next += 1
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def skip(self) -> None:
        """Pass over one image, cheaper than reading it."""
        if self._video is not None and self._next < self.count:
            self._video.grab()
        self._next += 1

    def close(self) -> None:
        """Release the video file."""
        if self._video is not None:
            self._video.release()


def in_order(files: list[Path]) -> list[Path]:
    """Images by the number at the end of their names, which must run without a gap: f9 before f10.
    Raises SessionError.
    """
    numbers: dict[int, Path] = {}
    for file in sorted(files):
        digits = re.search(r"([0-9]{1,18})$", file.stem)
        if digits is None:
            raise SessionError(
                f"{file}: no number at the end of its name, but images need one to have an order"
            )
        if (other := numbers.setdefault(int(digits[1]), file)) is not file:
            raise SessionError(f"{file}: has the number of {other.name}; number the images anew")
    first = min(numbers, default=0)
    for k in range(first, first + len(numbers)):
        if k not in numbers:
            raise SessionError(
                f"{files[0].parent}: image {k} is missing, and those after it would come too "
                "early; copy the session again"
            )
    return [numbers[k] for k in sorted(numbers)]


def _check_native(file: Path) -> None:
    try:
        check_native(file)
    except OSError as e:
        raise SessionError(f"{file}: cannot be read ({e.strerror}); copy the session again") from e
