"""Pictures before the camera of an empty room that is listened to."""

import cv2
import numpy as np
import pytest

from edge.core.errors import SessionError
from edge.sources.session.reader import DEMO_SESSION
from export.__main__ import main
from export.simulate.video.calibration import read_frames
from export.studies.people.nobody import EmptyRoomSensor, nobody_report
from export.studies.people.pictures import HEIGHT, WIDTH, Picture, Wheels, fitted, hung
from export.studies.people.spoiled import in_the_dark, only_heads

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def sensor():
    return EmptyRoomSensor(1)


def test_what_is_nobody_occupies_no_room(sensor):
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    image = cv2.resize(blobs, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    outcome = sensor.show(Picture("blobs", [image]))
    assert not outcome.occupied
    assert outcome.posed == 0


def test_people_on_a_television_occupy_no_room(sensor):
    """The demo's people, who are seen well, in a room in which nothing is heard of them."""
    film = list(read_frames(DEMO_SESSION / "frames.mp4"))[20:60]
    room = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    outcome = sensor.show(Picture("television", [hung(room, f, (180, 20, 260, 440)) for f in film]))
    assert outcome.seen >= 20
    assert not outcome.occupied
    assert outcome.posed >= 20  # followed, but never taken for somebody in the room
    report = nobody_report([("not there", outcome)], "the command")
    assert "| of televisions, posters, mirrors and a doll | 1 | 0 |" in report


def test_pictures_are_fitted_whole_or_cut():
    tall = np.full((400, 100, 3), 200, np.uint8)
    whole, cut = fitted(tall), fitted(tall, fill=True)
    assert whole.shape == cut.shape == (HEIGHT, WIDTH, 3)
    assert (whole[:, WIDTH // 2] == 200).all()
    assert (whole[:, 0] == 96).all()
    assert (cut == 200).all()


def test_missing_wheels_are_named(tmp_path, capsys):
    with pytest.raises(SessionError, match="no wheel of scikit_image"):
        Wheels(tmp_path)
    assert main(["people", "nobody"]) == 2
    assert "--wheels: not given" in capsys.readouterr().err


def test_hips_out_of_view_are_told_as_hidden_or_lie_within_their_sigma():
    heads = only_heads()
    assert heads.joints == 0 or heads.honest >= 0.9


def test_in_the_dark_nothing_is_said_of_who_is_there():
    claims, reasons = in_the_dark()
    assert not claims
    assert len(reasons) == 1
    assert "dark" in reasons[0]
