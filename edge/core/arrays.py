"""Names for numpy's array types. Shapes stand in the docstrings."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
FloatArray = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]
Complex128Array = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]
Rng = np.random.Generator
