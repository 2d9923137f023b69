"""Whether an image can show anybody at all."""

import cv2
import numpy as np

from edge.core.arrays import Image
from edge.sight.shrinking import shrunk

_CELLS = 64  # the image is judged as so many cells across and down, whose means hide the noise
# Brightness 0..255 of the cells: the brightest 2 % and the standard deviation. Measured on five
# real scenes: at 12 and 2.4 the networks find 1 of 10 people, at 16 and 3.3 half, at 23 and 4.7
# most.
_DARK, _LIT = 13.0, 17.0
_FLAT, _TEXTURED = 1.5, 2.2

TOO_DARK = "the image is too dark"
COVERED = "the image shows nothing, as if the lens were covered"


class Visibility:
    """Says of each image in turn why it can show nobody; a little more light is needed to see again
    than not to.
    """

    def __init__(self) -> None:
        self._why: str | None = None

    def __call__(self, image: Image) -> str | None:
        """Why nobody can be seen in `image` (H, W, 3) uint8 RGB; None where people can."""
        cells = cv2.cvtColor(shrunk(image, _CELLS, _CELLS), cv2.COLOR_RGB2GRAY)
        brightest, spread = float(np.percentile(cells, 98)), float(cells.std())
        if brightest < (_DARK if self._why is None else _LIT):
            self._why = TOO_DARK
        elif spread < (_FLAT if self._why is None else _TEXTURED):
            self._why = COVERED
        else:
            self._why = None
        return self._why
