"""The 2D detector's errors have the fitted statistics, and the fit finds them again."""

from dataclasses import replace

import numpy as np
import pytest

from export.simulate.detector_errors import (
    FAR,
    GROUPS,
    JOINTS,
    MIRROR,
    NEAR,
    NEVER_SEEN,
    OUTSIDE,
    load_detector,
    person_size,
)
from export.studies import detector_fit
from tests.support.bodies import CAMERA, standing

pytestmark = pytest.mark.export

# Missing joints of the plain test person: near others that exist.
STANDS_FOR = {15: 0, 16: 0, 17: 0, 18: 0, 19: 14, 20: 14, 21: 14, 22: 11, 23: 11, 24: 11}
KNOWN = [j for j in range(JOINTS) if j not in NEVER_SEEN]


def person(distance=3.0):
    joints = standing(1.7, (0.0, distance))
    for joint, other in STANDS_FOR.items():
        joints[joint] = joints[other] + [0.0, 0.01, 0.0]
    return joints


def many(model, joints, camera=CAMERA, count=1500):
    rng = np.random.default_rng(1)
    return np.array([model.observe(rng, joints, camera) for _ in range(count)])


@pytest.fixture(scope="module")
def model():
    return load_detector()


@pytest.fixture(scope="module")
def free(model):
    return replace(model, covered=0.0, swap=np.zeros(2), swap_side=0.0)


def test_errors_grow_with_the_person_and_have_heavy_tails(free):
    sizes, errors = [], []
    for distance in (2.8, 5.0):
        joints = person(distance)
        true = CAMERA.project(joints)
        seen = many(free, joints)
        sizes.append(person_size(true))
        errors.append(np.linalg.norm(seen[:, :15, :2] - true[:15], axis=2))
    assert np.median(errors[0]) / np.median(errors[1]) == pytest.approx(
        sizes[0] / sizes[1], rel=0.1
    )
    assert 0.008 < np.median(errors[1]) / sizes[1] < 0.04
    # Of normal errors in two dimensions 99.9 % lie within 3.2 medians.
    assert np.mean(errors[1] / np.median(errors[1], axis=0) > 3.2) > 0.01


def test_neighbours_err_together(free):
    true = CAMERA.project(person())
    error = many(free, person())[:, :, 0] - true[:, 0]
    together = np.corrcoef(np.sign(error[:, 1]), np.sign(error[:, 2]))[0, 1]
    assert together > 0.2  # neck and right shoulder


def test_what_movenet_does_not_have_is_missing(model):
    seen = many(model, person(), count=5)
    assert np.isnan(seen[:, list(NEVER_SEEN), :2]).all()
    assert (seen[:, list(NEVER_SEEN), 2] == 0.0).all()
    assert np.isfinite(seen[:, KNOWN]).all()


def test_joints_outside_the_image_are_guessed_and_doubted(free):
    joints = person(1.5)
    camera = replace(CAMERA, tilt_deg=0.0)
    true = camera.project(joints)
    outside = [j for j in (11, 14) if true[j, 1] > camera.height]
    assert outside
    seen = many(free, joints, camera)
    error = np.linalg.norm(seen[:, :, :2] - true, axis=2)
    assert np.median(error[:, outside]) > 3.0 * np.median(error[:, [1, 8]])
    assert np.median(seen[:, outside, 2]) < 0.6 < np.median(seen[:, [1, 8], 2])


def test_sides_are_taken_for_each_other(free):
    true = CAMERA.project(person())
    seen = many(replace(free, swap=np.array([1.0, 0.0])), person(), count=200)
    wrist = np.median(seen[:, 4, :2], axis=0)
    assert np.linalg.norm(wrist - true[7]) < 0.3 * np.linalg.norm(wrist - true[4])
    ankle = np.median(seen[:, 11, :2], axis=0)
    assert np.linalg.norm(ankle - true[11]) < 0.3 * np.linalg.norm(ankle - true[14])


def test_something_in_front_hides_part_of_a_person(free):
    seen = many(replace(free, covered=1.0), person())
    doubted = seen[:, [9, 10, 11, 12, 13, 14], 2]
    assert np.median(doubted) < np.median(many(free, person())[:, [9, 10, 11, 12, 13, 14], 2]) - 0.1


def test_the_fit_finds_the_numbers_it_is_given(free, monkeypatch):
    rng = np.random.default_rng(4)
    turned = []
    for k in range(300):
        angle = rng.uniform(-0.6, 0.6)
        turn = np.array(
            [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
        )
        joints = person(2.5)
        turned.append((joints - joints[8]) @ turn.T + joints[8] + [0.0, 0.0, 0.01 * (k % 40)])

    def observations(video, models):
        cut = replace(CAMERA, height=300)
        for joints in turned:
            for view, camera in ((0, CAMERA), (1, cut), (4, CAMERA)):
                yield (
                    view,
                    free.observe(rng, joints, camera),
                    camera.project(joints),
                    joints,
                    camera,
                )

    monkeypatch.setattr(detector_fit, "observations", observations)
    fitted, counts = detector_fit.fit_detector(None, None)
    assert counts[GROUPS[NEAR]] > 4000
    assert fitted.scale[NEAR, KNOWN] == pytest.approx(free.scale[NEAR, KNOWN], rel=0.2)
    assert fitted.bias[KNOWN, 1] == pytest.approx(free.bias[KNOWN, 1], abs=0.003)
    assert (fitted.swap < 0.01).all()
    medians = fitted.confidence[NEAR][KNOWN, 5]
    both = 0.5 * (free.confidence[NEAR] + free.confidence[NEAR][MIRROR])[KNOWN, 5]
    assert medians == pytest.approx(both, abs=0.1)


def test_the_shipped_numbers_make_sense(model):
    assert (model.scale[:, KNOWN] > 0.005).all()
    assert model.scale[FAR, KNOWN].mean() > model.scale[NEAR, KNOWN].mean()
    assert model.scale[OUTSIDE, KNOWN].mean() > 3.0 * model.scale[NEAR, KNOWN].mean()
    assert np.linalg.eigvalsh(model.correlation).min() > 0.0
