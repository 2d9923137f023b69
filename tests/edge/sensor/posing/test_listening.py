"""With which bursts each is lifted: the still with all since, the walking with a fresh one."""

import numpy as np

from edge.behaviour.people import Sight
from edge.behaviour.track import Track
from edge.sensor.empty_room import Sights
from edge.sensor.posing.listening import LONGEST_S, Listening
from edge.sound.pose_kernel import make_kernels
from tests.support.bodies import seen, standing
from tests.support.scenes.signals import BAND, RATE, echo, ring

RIG = ring()
SKEW_NS = 150e6
FRAME_S = 0.2


class Stage:
    """One who stands and one who walks, five images a second, a burst when asked for."""

    def __init__(self) -> None:
        self.listening, self.rng = Listening(), np.random.default_rng(0)
        self.tracks = [Track(1, standing(1.7, (0.6, 3.0))[:15], 0.0), Track(2, self.walker(0), 0.0)]
        self.k = 0

    def walker(self, k: int) -> np.ndarray:
        return standing(1.7, (-1.5 + 0.2 * k, 2.5))[:15]

    @property
    def t_ns(self) -> int:
        return round(self.k * FRAME_S * 1e9)

    def image(self, nearer: float = 1.0) -> list[Sight]:
        """The next one; joints jitter by a centimetre. nearer: by so much the one who stands is
        found at a larger (below 1) or smaller distance, at the same place in the image.
        """
        self.k += 1
        bodies = [nearer * standing(1.7, (0.6, 3.0))[:15], self.walker(self.k)]
        if nearer != 1.0:  # the same rays, spread farther around their middle
            rays = bodies[0][:, :2] / bodies[0][:, 2:]
            rays = rays.mean(axis=0) + (rays - rays.mean(axis=0)) / nearer
            bodies[0] = np.concatenate([rays, np.ones((15, 1))], axis=1) * bodies[0][:, 2:]
        sights = []
        for track, joints in zip(self.tracks, bodies, strict=True):
            track.see(joints + 0.01 * self.rng.standard_normal(joints.shape), self.k * FRAME_S)
            whole = np.full((25, 3), np.nan)
            whole[:15] = joints
            sights.append((track, seen(whole)))
        self.listening.look(Sights(self.t_ns, sights, []))
        return sights

    def burst(self, lasted_s: float = 0.1) -> None:
        rows = echo(RIG, np.array([0.6, 0.2, 2.8])) + 0.01 * self.rng.standard_normal((6, 1920))
        self.listening.hear(make_kernels(rows, RATE, BAND), RIG, self.t_ns, lasted_s=lasted_s)

    def who(self, sights: list[Sight]) -> dict[int, tuple[bool, int]]:
        """Of each of the two: whether lifted with sound, and the mean of how many bursts."""
        shares = self.listening.shares(sights, self.t_ns, SKEW_NS)
        return {k: (s.kernels is not None, s.bursts) for s in shares for k in s.people}


def test_without_a_burst_nobody_has_sound() -> None:
    stage = Stage()
    assert stage.who(stage.image()) == {0: (False, 0), 1: (False, 0)}


def test_who_stands_keeps_the_sound_and_who_walks_has_it_only_while_it_is_fresh() -> None:
    stage = Stage()
    for _ in range(10):
        sights = stage.image()
    stage.burst()
    assert stage.who(sights) == {0: (True, 1), 1: (True, 1)}
    for _ in range(10):
        sights = stage.image()
    assert stage.who(sights) == {0: (True, 1), 1: (False, 0)}
    for _ in range(3):
        stage.burst()
        for _ in range(10):
            sights = stage.image()
    assert stage.who(sights) == {0: (True, 4), 1: (False, 0)}


def test_the_doubt_of_the_room_is_told_with_every_mean_and_does_not_fall_with_its_length() -> None:
    stage = Stage()
    noise, doubt = np.full((6, 1920), 0.01, np.float32), np.full(1920, 0.004, np.float32)
    for _ in range(10):
        stage.image()
    for bursts in (1, 2, 3, 4):
        rows = echo(RIG, np.array([0.6, 0.2, 2.8])) + 0.01 * stage.rng.standard_normal((6, 1920))
        kernels = make_kernels(rows, RATE, BAND, noise)
        stage.listening.hear(kernels, RIG, stage.t_ns, doubt=doubt)
        for _ in range(10):
            sights = stage.image()
        shares = stage.listening.shares(sights, stage.t_ns, SKEW_NS)
        still = next(s.kernels for s in shares if 0 in s.people)
        assert still is not None
        assert still.sigma is not None
        expected = np.hypot(0.01 / np.sqrt(bursts), 0.004)
        assert np.allclose(still.sigma, expected, rtol=1e-3)


def test_sound_of_long_ago_is_not_used_and_who_moved_begins_anew() -> None:
    stage = Stage()
    for _ in range(10):
        sights = stage.image()
    stage.burst()
    for _ in range(round((LONGEST_S + 1.0) / FRAME_S)):
        sights = stage.image()
    assert stage.who(sights)[0] == (False, 0)
    stage.burst()
    assert stage.who(sights)[0] == (True, 1)


def test_a_burst_goes_with_the_image_of_its_middle() -> None:
    stage = Stage()
    for _ in range(6):
        stage.image()
    assert stage.listening.moment(stage.t_ns - 390_000_000).t_ns == round(0.8e9)


def test_who_is_found_differently_after_some_seconds_keeps_the_sound() -> None:
    """A detector's errors hold for seconds: 15 cm along the depth are no reason to hear anew."""
    stage = Stage()
    for _ in range(10):
        stage.image()
    stage.burst()
    for nearer in (1.0, 1.04, 0.97, 1.03):
        for _ in range(10):
            sights = stage.image(nearer)
    assert stage.who(sights)[0] == (True, 1)
    for _ in range(10):
        sights = stage.image(0.85)
    assert stage.who(sights)[0] == (False, 0), "half a metre nearer is another place"


def test_a_burst_that_sounds_while_somebody_walks_on_is_not_theirs() -> None:
    stage = Stage()
    for _ in range(10):
        sights = stage.image()
    stage.burst(lasted_s=0.3)
    assert stage.who(sights) == {0: (True, 1), 1: (False, 0)}
    sights = stage.image()
    stage.burst(lasted_s=0.1)
    assert stage.who(sights) == {0: (True, 2), 1: (True, 1)}
