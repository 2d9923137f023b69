"""The calibration loader against known facts of the scene."""

import numpy as np
import pytest

from edge.core.errors import SessionError
from export.simulate.video.calibration import load_calibration
from tests.support import calibrated_video as video

pytestmark = pytest.mark.export


@pytest.mark.parametrize("serial", video.SERIALS)
def test_extrinsics_are_a_rotation_and_agree_with_tilt_roll_and_height(serial: str) -> None:
    rotation, translation = video.world_to_camera(serial)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)
    camera = video.cameras()[serial].camera
    floor = np.array([[0.0, 0.0, 0.0], [1.5, -0.7, 0.0]]) @ rotation.T + translation
    np.testing.assert_allclose(camera.to_room(floor)[:, 2], 0.0, atol=1e-9)
    assert camera.height_m == pytest.approx(-(rotation.T @ translation)[2])


@pytest.mark.parametrize("serial", video.SERIALS)
def test_the_person_is_in_front_upright_and_in_the_picture(serial: str) -> None:
    joints, camera = video.reference_joints(serial), video.cameras()[serial].camera
    assert joints.shape == (50, 25, 3)
    distance = np.linalg.norm(joints[:, 8], axis=-1)
    assert 2.5 < distance.min() <= distance.max() < 4.5
    room = camera.to_room(joints)
    assert np.median(room[:, 0, 2]) > 1.2
    assert (room[:, 0, 2] > room[:, 8, 2]).all()
    pixels = camera.project(joints[:, :15])
    assert (pixels > 0).all()
    assert (pixels < (camera.width, camera.height)).all()


def test_bars_of_a_narrower_video_shift_and_scale_the_intrinsics() -> None:
    path = video.FOLDER / "Calib.qca.txt"
    whole = load_calibration(path)[0].camera
    framed = load_calibration(path, {"cam01": (1080, 1920)})[0].camera
    assert (whole.width, whole.height) == (1088, 1920)
    assert framed.fx / whole.fx == pytest.approx(1080 / 1088)
    assert framed.cy == pytest.approx(whole.cy * 1080 / 1088 + (1920 - 1920 * 1080 / 1088) / 2)


def test_a_file_that_is_no_calibration_is_refused(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(SessionError, match="Qualisys"):
        load_calibration(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text(
        "<calibration><cameras><camera serial='x'/></cameras></calibration>"
    )
    with pytest.raises(SessionError, match="intrinsic"):
        load_calibration(tmp_path / "b.txt")
