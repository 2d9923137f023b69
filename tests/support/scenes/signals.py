"""What the signal tests share: two arrays and the echo of a point reflector."""

import os

import numpy as np
import pytest

from edge.core.rig import Camera, Rig
from tests.support import reference

CAMERA = Camera(640, 480, 520.0, 520.0, 320.0, 240.0)
C = 343.4
BAND = (2_000.0, 7_500.0)
RATE = 48_000
PERIOD = 4_800
WINDOW = 1_920

# `make test-nojit`: a step of the background takes 0.3 s instead of 1 ms.
UNCOMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"
hundreds_of_steps = pytest.mark.skipif(
    UNCOMPILED, reason="minutes without the compiler; the other tests run the same kernels"
)


def ring():
    """Compact array: a speaker and a ring of 6 microphones, radius 46.3 mm."""
    angle = np.arange(6) * np.pi / 3
    mics = 0.0463 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
    return Rig(np.array([[0.0, 0.1, 0.0]]), mics, np.array([[0, m] for m in range(6)]), CAMERA, C)


def spread():
    """Four co-located speaker and microphone pairs in the corners of the view."""
    places = np.array([[-1.5, -0.8, 0.2], [1.5, -0.8, 0.3], [-1.4, 0.9, 0.4], [1.6, 0.8, 0.1]])
    return Rig(places, places.copy(), np.array([[p, p] for p in range(4)]), CAMERA, C)


def echo(rig, point, window=WINDOW, period=PERIOD, rate=RATE, band=BAND):
    """Analytic responses (P, T) to a reflector at `point`, each with an envelope peak of 1."""
    delays = rig.arrival_s(point) * rate
    return np.array([reference.pulse(d, period, rate, band)[:window] for d in delays]).astype(
        np.complex64
    )


def db(ratio):
    return 20.0 * float(np.log10(max(float(ratio), 1e-15)))
