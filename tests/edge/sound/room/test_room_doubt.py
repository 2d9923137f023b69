"""By how much noisy sound moves the empty room: music after continuous sound, and soft bursts."""

import numpy as np
import pytest

from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.occupant import Occupant
from edge.sound.room.room_doubt import RoomDoubt
from tests.support.scenes.program import BAND_HZ, RATE_HZ, analytic, diffuse_room

pytestmark = pytest.mark.export
PERIOD_S, NOISE, SOFT = 0.1, 0.004, 0.03
LATE = slice(64, 600)


@pytest.fixture(scope="module")
def home():
    return diffuse_room()


def rms(values):
    return float(np.sqrt(np.mean(np.abs(values[:, LATE]) ** 2)))


def folded(empty):
    """What the continuous excitation shows: each period has the tails of those before."""
    n = round(PERIOD_S * RATE_HZ)
    return sum(np.pad(empty, ((0, 0), (0, n)))[:, k : k + n] for k in range(0, empty.shape[1], n))


def noises(shape, count):
    rng = np.random.default_rng(3)
    level = NOISE / np.sqrt(2.0)
    white = level * (rng.normal(size=(count, *shape)) + 1j * rng.normal(size=(count, *shape)))
    return white.astype(np.complex64)


def learned(home, response):
    background = Background(home.rig, RATE_HZ, BAND_HZ, 640, period_s=PERIOD_S)
    for k in range(FIRST_PERIODS):
        background.step(response, k * 10**8, ())
    return background


def hear(background, response, people):
    """The kernels of ten answers of music."""
    sigma = np.full(response.shape, NOISE, np.float32)
    return [
        background.step(response + noise, 10**9 * (k + 2), people, burst=True, noise=sigma)
        for k, noise in enumerate(noises(response.shape, 10))
    ]


def test_ten_seconds_of_music_make_a_room_of_the_continuous_sound_right(home):
    empty, wrong = analytic(home.empty), analytic(folded(home.empty))
    background = learned(home, wrong)
    assert rms(background.expected - empty) > 2.0 * NOISE
    hear(background, empty, ())
    error = rms(background.expected - empty)
    assert error < 0.55 * NOISE  # ten answers have noise of 0.32 of one, and drift is followed
    assert 0.6 < rms(np.broadcast_to(background.doubt, empty.shape)) / error < 1.7


def test_nothing_is_learned_while_somebody_is_in_view_and_the_doubt_stays(home):
    empty, wrong = analytic(home.empty), analytic(folded(home.empty))
    background = learned(home, wrong)
    before = background.doubt
    hear(background, empty, [Occupant(0.02)])
    hear(background, empty, None)
    assert rms(background.expected - empty) > 2.0 * NOISE
    assert (background.doubt >= before).all()


def test_a_room_that_is_right_stays_as_right_as_ten_answers_are(home):
    empty = analytic(home.empty)
    background = learned(home, empty)
    background.step(empty, 10**9, (), burst=True)  # of bursts from now on
    hear(background, empty, ())
    assert rms(background.expected - empty) < 0.45 * NOISE


def test_the_doubt_grows_while_nothing_is_learned(home):
    empty = analytic(home.empty)
    doubt = RoomDoubt(20)
    fresh = doubt.doubt(empty, folded=False)
    doubt.pass_time(600.0, empty, folded=False)
    assert np.allclose(doubt.doubt(empty, folded=False) / fresh, np.sqrt(2.0), rtol=1e-3)
    assert np.all(RoomDoubt(20).doubt(empty, folded=True) > 4.0 * fresh)


def bursts(background, response, noise, seconds, seed, *, dead=()):
    """Bursts of the empty room, one a minute. dead: pairs whose microphone hears nothing."""
    rng = np.random.default_rng(seed)
    sigma = np.full(response.shape, noise, np.float32)
    response = response.copy()
    response[list(dead)] = sigma[list(dead)] = 0.0
    for t_s in seconds:
        white = rng.normal(size=(2, *response.shape)) * noise / np.sqrt(2.0)
        white[:, list(dead)] = 0.0
        heard = (response + white[0] + 1j * white[1]).astype(np.complex64)
        background.step(heard, round(1e9 * t_s), (), burst=True, noise=sigma)


@pytest.mark.parametrize("noise", [SOFT, 4.0 * SOFT])
def test_the_softer_bursts_are_the_more_of_them_make_the_room(home, noise):
    empty = analytic(home.empty)
    background = Background(home.rig, RATE_HZ, BAND_HZ, 640, period_s=PERIOD_S)
    minutes = 60.0 * np.arange(1, 61)
    bursts(background, empty, noise, minutes[:FIRST_PERIODS], 0)
    first = rms(background.expected - empty)
    assert first == pytest.approx(noise / np.sqrt(FIRST_PERIODS), rel=0.3)
    bursts(background, empty, noise, minutes[FIRST_PERIODS:], 1)
    error = rms(background.expected - empty)
    assert error < (0.8 if noise == SOFT else 0.6) * first
    assert 0.6 < rms(np.broadcast_to(background.doubt, empty.shape)) / error < 1.7


def test_what_two_bursts_agree_on_has_changed(home):
    """A chair that was moved while nobody was in view is learned within minutes."""
    empty = analytic(home.empty)
    background = Background(home.rig, RATE_HZ, BAND_HZ, 640, period_s=PERIOD_S)
    bursts(background, empty, SOFT, 60.0 * np.arange(1, 31), 0)
    moved = empty.copy()
    moved[:, 300:340] += 4.0 * SOFT
    bursts(background, moved, SOFT, 60.0 * np.arange(31, 37), 1)
    left = np.abs((background.expected - moved)[:, 300:340])
    assert np.median(left) < 0.5 * 4.0 * SOFT


def test_a_burst_that_is_louder_than_its_noise_hardly_counts(home):
    """A door slams while one burst of sixty sounds."""
    empty = analytic(home.empty)
    background = Background(home.rig, RATE_HZ, BAND_HZ, 640, period_s=PERIOD_S)
    bursts(background, empty, NOISE, 60.0 * np.arange(1, 31), 0)
    before = rms(background.expected - empty)
    rng = np.random.default_rng(2)
    slam = 0.5 * (rng.normal(size=empty.shape) + 1j * rng.normal(size=empty.shape))
    bursts(background, (empty + slam).astype(np.complex64), NOISE, [1860.0], 3)
    bursts(background, empty, NOISE, [1920.0], 4)
    assert rms(background.expected - empty) < 4.0 * before  # 45 times as much if it counted


def test_a_dead_microphone_does_not_make_the_room_seem_surer(home):
    empty = analytic(home.empty)
    doubts = []
    for dead in ((), (0, 1, 2)):
        background = Background(home.rig, RATE_HZ, BAND_HZ, 640, period_s=PERIOD_S)
        bursts(background, empty, SOFT, 60.0 * np.arange(1, 11), 0)
        bursts(background, empty, SOFT, 60.0 * np.arange(11, 41), 1, dead=dead)
        doubts.append(rms(background.doubt[None]))
    assert doubts[1] == pytest.approx(doubts[0], rel=0.15)
