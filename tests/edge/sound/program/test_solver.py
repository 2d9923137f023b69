"""Responses solved from real music in a simulated room, against the truth."""

import numpy as np
import pytest
import scipy.linalg

from edge.core.errors import ConfigError
from edge.sound.program.pulses import tap_pulses
from edge.sound.program.solver import ProgramSolver
from edge.sound.program.toeplitz import inverse_diagonal, inverse_times
from export.simulate.program_sound import MUSIC, load_program_sound
from tests.support.scenes.program import analytic, diffuse_room
from tests.support.scenes.signals import spread

pytestmark = pytest.mark.export
ECHO = slice(200, 600)  # samples that hold somebody and what follows


@pytest.fixture(scope="module")
def room():
    return diffuse_room()


def solved(room, program, level_db, somebody=True):
    """Answers of three seconds, and the truth, per unit of pressure at 1 m."""
    samples, reference, gain = room.record(program, level_db, somebody=somebody)
    solver = ProgramSolver(room.excitation(), room.rig, room.deconvolver())
    n, empty = solver.samples, analytic(room.empty) * gain
    found = [
        solver(samples[:, k : k + n], reference[k : k + n], empty)
        for k in range(0, len(program) - n, 4_000)
    ]
    return [(f, (f.responses - empty) / gain, f.sigma / gain) for f in found]


def rms(values):
    return float(np.sqrt(np.mean(np.abs(values[:, ECHO]) ** 2)))


@pytest.mark.parametrize("name", MUSIC)
@pytest.mark.parametrize("level_db", [65.0, 55.0])
def test_music_tells_the_kernel_within_its_noise(room, name, level_db):
    _, kernel, sigma = solved(room, load_program_sound(name), level_db)[-1]
    truth = analytic(room.body)
    error = rms(kernel - truth)
    assert 0.4 < rms((kernel - truth) / sigma) < 1.2
    assert error < (0.004 if level_db == 65.0 else 0.010)


def test_what_sounds_on_beyond_the_window_is_learned_from_the_music(room):
    answers = solved(room, load_program_sound("system"), 65.0)
    truth = analytic(room.body)
    assert rms(answers[-1][1] - truth) < 0.6 * rms(answers[0][1] - truth)
    assert answers[-1][2].mean() < 0.6 * answers[0][2].mean()


def test_a_silent_reference_gives_nothing(room):
    solver = ProgramSolver(room.excitation(), room.rig, room.deconvolver())
    n = solver.samples
    noise = np.random.default_rng(0).normal(size=(len(room.rig.mics), n)).astype(np.float32)
    assert solver(noise, np.zeros(n, np.float32), analytic(room.empty)) is None


def test_several_loudspeakers_and_other_shapes_are_refused(room):
    with pytest.raises(ConfigError, match="use_program_sound = false"):
        ProgramSolver(room.excitation(), spread(), room.deconvolver())
    solver = ProgramSolver(room.excitation(), room.rig, room.deconvolver())
    empty, n = analytic(room.empty), solver.samples
    with pytest.raises(ConfigError, match="reference has shape"):
        solver(np.zeros((len(room.rig.mics), n), np.float32), np.zeros(9, np.float32), empty)
    with pytest.raises(ConfigError, match="recording has shape"):
        solver(np.zeros((1, n), np.float32), np.zeros(n, np.float32), empty)


def test_the_inverse_of_a_toeplitz_matrix_and_the_taps_pulses_are_those_of_plain_sums():
    rng = np.random.default_rng(0)
    first = np.array([9.0, *(rng.normal(size=(29, 2)) @ [1.0, 1.0j])])
    matrix = scipy.linalg.toeplitz(first, first.conj())
    inverse = np.linalg.inv(matrix)
    sides = rng.normal(size=(3, 30)) + 1j * rng.normal(size=(3, 30))
    assert np.allclose(inverse_times(inverse[:, 0], sides), sides @ inverse.T, atol=1e-9)
    assert np.allclose(inverse_diagonal(inverse[:, 0]), np.diag(inverse), atol=1e-9)
    bins, at, taps = np.arange(7, 40), np.arange(20) / 90, np.arange(9) / 45
    turn = np.exp(2j * np.pi * np.outer(at, bins))
    back = np.exp(-2j * np.pi * np.outer(np.arange(len(bins)), taps))
    assert np.allclose(tap_pulses(at, taps, bins), (turn @ back).T, atol=1e-9)
