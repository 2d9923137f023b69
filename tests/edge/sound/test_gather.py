"""The gather in 8 bits: a vector of voxels at once gives the codes of voxel by voxel, and both what
the formula says.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sound.gather import ZERO_POINT, Gather, shuffle

needs_shuffle = pytest.mark.skipif(
    shuffle() is None, reason="no compiler, or a processor that does not shuffle bytes"
)
WINDOW = 300


def codes_of(code, bits, voxel_by_voxel, *rows):
    """Of one gather; of several rows those of the last."""
    gather, out = Gather(code, bits, WINDOW, voxel_by_voxel), np.full(code.shape, 55, np.int8)
    assert gather.vectors == (not voxel_by_voxel)
    for each in rows:
        gather(each, 255.0, out)
    return out


def by_formula(code, bits, rows):
    """Levels are rounded samples; between two of them rounded again; nothing is heard behind the
    window.
    """
    levels = np.zeros((len(rows), WINDOW + 2), np.int64)
    levels[:, :WINDOW] = np.floor(rows * np.float32(255.0) + np.float32(0.5))
    sample, part = (code >> bits).astype(np.int64), (code & ((1 << bits) - 1)).astype(np.int64)
    before, after = (np.take_along_axis(levels, sample + k, axis=1) for k in (0, 1))
    return (before * ((1 << bits) - part) + after * part + (1 << bits) // 2 >> bits) + ZERO_POINT


def times_of_arrival(rng, bits, voxels, samples):
    """(2, voxels), in vectors as close together as a table reaches, in any order; the last one is
    heard behind the window.
    """
    first = rng.integers(0, WINDOW - samples, (2, 1))
    near = (first << bits) + rng.integers(0, samples << bits, (2, voxels))
    near[:, -1] = np.minimum(near.max(axis=1) + (1 << bits), WINDOW << bits)
    return near.astype(np.uint16)


@needs_shuffle
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 6), st.integers(64, 400), st.integers(0, 2**32 - 1))
def test_vectors_give_the_codes_of_voxel_by_voxel(bits, voxels, seed):
    rng = np.random.default_rng(seed)
    code = times_of_arrival(rng, bits, voxels, shuffle().reach - 2)
    rows = rng.random((2, WINDOW), np.float32)
    wanted = by_formula(code, bits, rows)
    for voxel_by_voxel in (False, True):
        np.testing.assert_array_equal(codes_of(code, bits, voxel_by_voxel, rows), wanted)
        # Nothing of a louder row is left in the working memory.
        assert (codes_of(code, bits, voxel_by_voxel, rows, np.zeros_like(rows)) == ZERO_POINT).all()


@pytest.mark.parametrize("voxel_by_voxel", [pytest.param(False, marks=needs_shuffle), True])
def test_voxels_behind_the_window_hear_nothing(voxel_by_voxel):
    code = np.full((1, 130), WINDOW << 6, np.uint16)
    code[0, ::2] = (WINDOW - 1 << 6) + 32
    found = codes_of(code, 6, voxel_by_voxel, np.ones((1, WINDOW), np.float32))
    assert (found[0, 1::2] == ZERO_POINT).all()
    assert (
        found[0, ::2] == 128 + ZERO_POINT
    ).all()  # half way from the last sample, 255, to silence


@needs_shuffle
def test_vectors_need_voxels_close_together_and_enough_of_them():
    reach, lanes = shuffle().reach, shuffle().lanes
    code = np.zeros((2, 3 * lanes), np.uint16)
    code[1, 5] = reach - 1 << 6
    assert Gather(code, 6, WINDOW).vectors
    code[1, 5] = reach << 6
    assert not Gather(code, 6, WINDOW).vectors
    assert Gather(code[:, lanes : 2 * lanes], 6, WINDOW).vectors
    assert not Gather(code[:, lanes : 2 * lanes - 1], 6, WINDOW).vectors


@pytest.mark.parametrize(
    ("name", "value"),
    [("NUMBA_DISABLE_JIT", "1"), ("NUMBA_CPU_NAME", "generic"), ("NUMBA_ENABLE_AVX", "0")],
)
def test_a_processor_set_by_hand_and_no_compiler_read_voxel_by_voxel(name, value):
    ask = "from edge.sound.gather import shuffle; s = shuffle(); print(s is None or s.lanes)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "16" if name == "NUMBA_ENABLE_AVX" and os.uname().machine == "aarch64" else "True"
    )
