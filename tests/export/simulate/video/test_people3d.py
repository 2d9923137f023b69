"""Several people triangulated from several cameras, from exact and from wrong 2D joints."""

import numpy as np
import pytest

from edge.core.errors import SessionError
from edge.core.pose import MID_HIP
from export.simulate.video.people3d import _continue, _filled, _people, _still, triangulate_video
from export.simulate.video.session import reference_joints
from tests.support.bodies import CAMERA, standing
from tests.support.calibrated_video import FOLDER, cameras

pytestmark = pytest.mark.export

VIEWS = [cameras()[serial] for serial in sorted(cameras())]


def in_the_world(x: float, y: float) -> np.ndarray:
    """An upright person at a place of the video's floor; the feet are not known."""
    joints = CAMERA.to_room(standing(position=(0.0, 3.0))) - np.array([0.0, 3.0, 0.0])
    joints[15:] = np.nan
    return joints + np.array([x, y, 0.0])


def seen_by(view, joints: np.ndarray) -> np.ndarray:
    known = np.isfinite(joints[:, 0])
    pixels = np.full((25, 3), np.nan)
    pixels[:, 2] = 0.0
    pixels[known, :2] = view.camera.project(view.from_world(joints[known]))
    pixels[known, 2] = 0.9
    return pixels


def matched(found: list[np.ndarray], true: np.ndarray) -> float:
    """Largest error [m] of the joints of who was found nearest to a true person."""
    nearest = min(found, key=lambda j: float(np.linalg.norm(j[MID_HIP] - true[MID_HIP])))
    return float(np.nanmax(np.linalg.norm(nearest - true, axis=1)))


def test_each_view_lists_the_people_in_an_order_of_its_own():
    people = [in_the_world(-1.0, 0.0), in_the_world(0.4, -0.5)]
    found = [[seen_by(v, p) for p in (people if k % 2 else people[::-1])] for k, v in
             enumerate(VIEWS)]  # fmt: skip
    joints = list(_people(VIEWS, found))
    assert len(joints) == 2
    assert max(matched(joints, p) for p in people) < 1e-6


def test_a_wrong_joint_in_one_view_is_left_out_and_a_person_of_one_view_is_nobody():
    person = in_the_world(-1.0, 0.0)
    found = [[seen_by(v, person)] for v in VIEWS]
    found[0][0][4, :2] += 200.0  # a wrist
    found[1].append(seen_by(VIEWS[1], in_the_world(0.4, -0.5)))
    (joints,) = _people(VIEWS, found)
    assert matched([joints], person) < 1e-6


def test_tracks_are_filled_over_gaps_and_without_spikes():
    path = [in_the_world(0.01 * k, 0.0) for k in range(30)]
    tracks: list[dict[int, np.ndarray]] = []
    for k, joints in enumerate(path):
        seen = joints + np.array([0.0, 0.0, 0.5 * (k == 12)])
        _continue(tracks, [] if k in (20, 21) else [seen, in_the_world(0.0, 3.0)], k)
    assert len(tracks) == 2
    filled = _filled(tracks[0], 30)
    assert np.abs(filled[3:27, :15] - np.array(path)[3:27, :15]).max() < 1e-3
    assert np.isnan(filled[:, 19]).all()


def test_who_stands_far_away_is_kept_once_and_who_moves_is_not_still():
    mover = np.stack([in_the_world(0.0, 0.0)] * 10)
    looks = [in_the_world(-4.0, 0.02 * k) for k in range(5)] + [in_the_world(0.1, 0.1)]
    (still,) = _still(looks, [mover])
    assert np.allclose(still[MID_HIP, :2], [-4.0, 0.04], atol=1e-6)


def test_references_of_one_person_and_of_several_are_read(tmp_path):
    assert reference_joints(FOLDER).shape == (50, 1, 25, 3)
    np.savez(tmp_path / "joints3d.npz", joints=np.zeros((4, 2, 25, 3), np.float32))
    assert reference_joints(tmp_path).shape == (4, 2, 25, 3)
    np.savez(tmp_path / "joints3d.npz", joints=np.zeros((4, 33, 3), np.float32))
    with pytest.raises(SessionError, match=r"\(K, Q, 25, 3\) are needed"):
        reference_joints(tmp_path)
    with pytest.raises(SessionError):
        triangulate_video(tmp_path, tmp_path)
