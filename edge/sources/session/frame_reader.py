"""The images of a session folder, from frames.mp4 or from frames/."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.errors import EndOfStreamError, SessionError


class FrameReader:
    """Images of a session in order, from frames.mp4 or from frames/."""

    def __init__(self, path: Path):
        """path: the session folder. Raises SessionError where there are no readable images."""
        self._video: Any = None
        self._files: list[Path] = []
        self._next = 0
        movie, folder = path / "frames.mp4", path / "frames"
        if movie.exists():
            self._video = cv2.VideoCapture(str(movie))
        if self._video is not None and self._video.isOpened():
            self.name, self.count = "frames.mp4", round(self._video.get(cv2.CAP_PROP_FRAME_COUNT))
        elif folder.is_dir():
            self._video = None
            self._files = sorted(folder.glob("*.jpg"))
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
            image = cv2.imread(str(self._files[self._next]))
            ok = image is not None
        if not ok:
            raise SessionError(
                f"{self._path / self.name}: image {self._next} of {self.count} cannot be decoded; "
                "copy it again"
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
