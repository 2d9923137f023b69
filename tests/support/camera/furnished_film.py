"""A session's film as a camera in a lit room, or a slower one, would have taken it."""

from pathlib import Path

import cv2
import numpy as np


def furnished_film(film: Path, out: Path) -> Path:
    """The film at `out`, with a wall and a floor in place of the blank images that stand for the
    empty room: no camera that can see gives those.
    """
    frames = cv2.VideoCapture(str(film))
    size = int(frames.get(cv2.CAP_PROP_FRAME_WIDTH)), int(frames.get(cv2.CAP_PROP_FRAME_HEIGHT))
    made = cv2.VideoWriter(
        str(out), cv2.VideoWriter.fourcc(*"mp4v"), frames.get(cv2.CAP_PROP_FPS), size
    )
    while (read := frames.read())[0]:
        made.write(_room(*size) if _blank(read[1]) else read[1])
    made.release()
    return out


def thinned(film: Path, out: Path, every: int) -> Path:
    """The film with each `every`-th image, at a rate that leaves it as long: at `out` unless that
    is all of them.
    """
    if every == 1:
        return film
    frames = cv2.VideoCapture(str(film))
    size = int(frames.get(cv2.CAP_PROP_FRAME_WIDTH)), int(frames.get(cv2.CAP_PROP_FRAME_HEIGHT))
    fps = frames.get(cv2.CAP_PROP_FPS) / every
    made = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    index = 0
    while (read := frames.read())[0]:
        if index % every == 0:
            made.write(read[1])
        index += 1
    made.release()
    return out


def _blank(image: np.ndarray) -> bool:
    return bool(np.ptp(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)) < 8)


def _room(width: int, height: int) -> np.ndarray:
    """(H, W, 3) uint8: a light wall that grows darker downwards, and a dark floor."""
    down = np.arange(height) / height
    light = np.where(down < 0.6, 190.0 - 60.0 * down, 80.0)
    return np.broadcast_to(light[:, None, None], (height, width, 3)).astype(np.uint8)
