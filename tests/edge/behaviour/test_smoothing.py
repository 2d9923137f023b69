"""Smoothing is causal, follows quickly, and its 1-sigma is true."""

from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.smoothing import COMMON_SHARE, GUESSED_DISTANCE_SIGMA, OneEuro, Smoother
from edge.core.config import TrackConfig
from edge.core.pose import ImageDistance, LiftedPose
from tests.support.bodies import standing

DT_NS = 100_000_000


def pose(distance: float, sigma: float = 0.1, x: float = 0.0, source: str = "sound") -> LiftedPose:
    joints = standing(1.7, (x, distance))[:15]
    return LiftedPose(joints, np.full(15, sigma), np.ones(15), source, 10.0)  # type: ignore[arg-type]


def test_noise_at_rest_shrinks_and_so_does_sigma() -> None:
    rng = np.random.default_rng(0)
    track = Smoother(TrackConfig())
    raw, smooth, sigma = [], [], 0.0
    for i in range(200):
        p = pose(3.0 + 0.1 * rng.normal())
        out = track(p, i * DT_NS, 0.0)
        raw.append(p.joints[4, 2])
        smooth.append(out.joints[4, 2])
        sigma = out.sigma[8]
    assert np.std(smooth[50:]) < 0.8 * np.std(raw[50:])
    assert 0.07 < sigma < 0.1


def test_looking_longer_does_not_make_an_assumed_height_surer() -> None:
    track = Smoother(TrackConfig())
    for i in range(60):
        out = track(pose(3.0, 0.56, source="height"), i * DT_NS)
    np.testing.assert_allclose(out.sigma, 0.56)


def test_by_the_floor_only_the_cameras_height_and_tilt_stay_wrong() -> None:
    rng = np.random.default_rng(0)
    track = Smoother(TrackConfig())
    errors, sigmas = [], []
    for _ in range(60):
        common = 0.1 * rng.standard_normal()
        for i in range(40):
            p = pose(4.0 + common + 0.17 * rng.standard_normal(), 0.2, source="floor")
            out = track(p, i * DT_NS, 0.0)
        errors.append(abs(out.joints[8, 2] - pose(4.0).joints[8, 2]))
        sigmas.append(out.sigma[8])
    assert COMMON_SHARE["floor"] * 0.2 <= max(sigmas) < 0.18
    assert 0.6 <= np.mean(np.array(errors) < sigmas) <= 0.8


def test_without_the_cameras_height_a_guess_stays_in_every_pose() -> None:
    for source, sigma in (("sound", 0.1), ("memory", 0.2), ("height", 0.3)):
        known, guessed = Smoother(TrackConfig()), Smoother(TrackConfig(), height_known=False)
        for i in range(40):
            p = pose(4.0, sigma, source=source)
            surer, out = known(p, i * DT_NS), guessed(p, i * DT_NS)
        wider = np.hypot(surer.sigma, GUESSED_DISTANCE_SIGMA * out.mid_hip_distance_m)
        if source == "sound":
            np.testing.assert_allclose(out.sigma, wider)
        else:  # a guess may be off by more than by the floor, and so may a size found by sound
            assert (out.sigma > wider).all()
        np.testing.assert_allclose(out.joints, surer.joints)


def test_walking_is_followed_within_15_cm_also_after_a_stop() -> None:
    track, places = Smoother(TrackConfig()), []
    for i in range(100):
        places.append(2.0 + 0.12 * (min(i, 20) + max(i - 80, 0)))
        moved_m = places[-1] - places[-11] if i > 10 else 0.0
        out = track(pose(places[-1], 0.08), i * DT_NS, moved_m)
        assert abs(out.joints[8, 2] - pose(places[-1]).joints[8, 2]) < 0.15


def test_an_assumed_distance_moves_the_track_less_than_a_heard_one() -> None:
    heard, assumed = Smoother(TrackConfig()), Smoother(TrackConfig())
    for i in range(20):
        for t in (heard, assumed):
            t(pose(3.0, 0.08), i * DT_NS)
    a = heard(pose(3.5, 0.08), 20 * DT_NS).joints[8, 2]
    b = assumed(pose(3.5, 0.5, source="height"), 20 * DT_NS).joints[8, 2]
    assert a - 3.0 > 3 * (b - 3.0) > 0


def test_a_gap_and_another_person_start_anew() -> None:
    track = Smoother(TrackConfig())
    track(pose(3.0), 0)
    np.testing.assert_allclose(track(pose(4.0), 5_000_000_000).joints, pose(4.0).joints)
    np.testing.assert_allclose(
        track(pose(2.5, x=1.2), 5_100_000_000).joints, pose(2.5, x=1.2).joints
    )
    np.testing.assert_allclose(
        track(pose(3.0), 100).joints, pose(3.0).joints
    )  # the clock went back


def heard(
    distance: float, image: float, sigma: float, wrong: float = 0.0, source: str = "floor"
) -> LiftedPose:
    """A pose with sound: image, wrong: relative errors of the image alone and of both together."""
    alone = ImageDistance((1.0 + image) * distance, 0.05 * distance, source)  # type: ignore[arg-type]
    p = pose((1.0 + wrong) * distance, sigma * distance)
    joints = p.joints / p.mid_hip_distance_m * (1.0 + wrong) * distance
    return replace(p, joints=joints, sound_confidence=0.9, image=alone)


def _after_a_change(
    sigma: float, learned_s: float = 8.0, gap_s: float = 0.1, moved_m: float = 0.8
) -> list[float]:
    """Relative errors in the 10 s after sound has become as wrong as the image or worse, which is
    off by the same all the time. sigma: of the poses then. moved_m: in each second.
    """
    rng, track, t_ns, out = np.random.default_rng(4), Smoother(TrackConfig()), 0, []
    image = 0.03 + 0.03 * rng.standard_normal(200)
    for k in range(round(10 * learned_s)):
        p = heard(3.0, image[k], 0.015, 0.01 * rng.standard_normal())
        track(p, t_ns := t_ns + DT_NS, moved_m)
    t_ns += round((gap_s - 0.1) * 1e9)
    for k in range(100, 200):
        p = heard(3.0, image[k], sigma, 0.06 + 0.02 * rng.standard_normal())
        out.append(track(p, t_ns := t_ns + DT_NS, moved_m).mid_hip_distance_m / 3.0 - 1.0)
    return out


def test_the_image_that_good_sound_has_corrected_outweighs_sound_that_became_unsure() -> None:
    """0.06 is what sound says after a change, 0.03 what the image says; neither is right."""
    after = _after_a_change(sigma=0.055)
    assert abs(np.mean(after)) < 0.018
    assert abs(np.mean(_after_a_change(sigma=0.055, learned_s=0.1)) - 0.03) < 0.015
    assert 0.0 < np.mean(after) < np.mean(_after_a_change(sigma=0.02))


def test_what_sound_has_told_of_the_image_outlives_a_gap() -> None:
    assert abs(np.mean(_after_a_change(sigma=0.055, gap_s=3.0))) < 0.018


def test_a_size_that_only_sound_has_found_is_corrected_by_it_like_a_guess() -> None:
    """Without the camera's height: the size that is remembered is off by 8 %, and so is each image
    that knows it.
    """
    off = {}
    for known in (True, False):
        track, t_ns = Smoother(TrackConfig(), height_known=known), 0
        for _ in range(20):
            track(heard(3.0, 0.08, 0.0354, 0.04, source="memory"), t_ns := t_ns + DT_NS)
        p = pose(3.0 * 1.08, 0.15, source="memory")
        p = replace(p, joints=p.joints / p.mid_hip_distance_m * 3.0 * 1.08)
        for _ in range(10):
            out = track(p, t_ns := t_ns + DT_NS)
        off[known] = out.mid_hip_distance_m / 3.0 - 1.0
    assert abs(off[False]) < 0.75 * abs(off[True])


def test_soft_sound_of_somebody_who_keeps_still_does_not_count_again_and_again() -> None:
    """Soft sound and image together are off by 6 %, the image by 3 %: sound alone, by 12 %. After
    ten minutes the pose lies as far off as at first.
    """
    rng, still = np.random.default_rng(5), Smoother(TrackConfig())
    out = []
    for k in range(1200):
        p = heard(3.0, 0.03 + 0.02 * rng.standard_normal(), 0.042, 0.06)
        out.append(still(p, (k + 1) * 5 * DT_NS, 0.0).mid_hip_distance_m / 3.0 - 1.0)
    assert 0.03 < np.median(out[-100:]) < 0.075
    assert abs(np.median(out[-100:]) - np.median(out[:100])) < 0.015


def test_wrong_sound_of_somebody_who_sits_for_half_an_hour_does_not_take_them_ever_farther() -> (
    None
):
    """Sound and image together are off by 9 %, the image by 2 %; how sure they are comes and goes.
    After half an hour the pose lies no farther than at first.
    """
    rng, still = np.random.default_rng(6), Smoother(TrackConfig())
    out = []
    for k in range(3600):
        p = heard(3.0, 0.02 + 0.02 * rng.standard_normal(), rng.uniform(0.02, 0.04), 0.09)
        out.append(still(p, (k + 1) * 5 * DT_NS, 0.04).mid_hip_distance_m / 3.0 - 1.0)
    early, late = np.median(out[:300]), np.median(out[-300:])
    assert late < min(early + 0.005, 0.095)


def test_a_pose_with_soft_sound_is_not_pulled_back_to_the_image_that_it_holds() -> None:
    """The image is off by 6 %, the pose of both, which soft sound has made, is right."""
    out = Smoother(TrackConfig())(heard(3.0, 0.06, 0.042), DT_NS)
    assert 0.0 < out.mid_hip_distance_m / 3.0 - 1.0 < 0.3 * 0.06


SOUND_SIGMA, IMAGE_SIGMA = 0.06, 0.05
_ENDS = slice(5), slice(-50, None)


def _keeps_still(rng: np.random.Generator, seconds: int) -> list[LiftedPose]:
    """Smoothed, five a second. Sound is off by the same all the time, of the image the better half,
    the rest for a second each.
    """
    track, out = Smoother(TrackConfig()), []
    by_sound, image = SOUND_SIGMA * rng.standard_normal(), 0.0
    variance = 1.0 / (SOUND_SIGMA**-2 + IMAGE_SIGMA**-2)
    for k in range(5 * seconds):
        if k % 5 == 0:
            image = IMAGE_SIGMA * rng.standard_normal()
        both = variance * (image / IMAGE_SIGMA**2 + by_sound / SOUND_SIGMA**2)
        p = heard(3.0, image, np.sqrt(variance), both)
        out.append(track(p, (k + 1) * 2 * DT_NS, 0.0))
    return out


def test_of_who_keeps_still_the_image_averages_out_and_sound_does_not() -> None:
    rng = np.random.default_rng(3)
    people = [_keeps_still(rng, 60) for _ in range(30)]
    first, last = ([[p.mid_hip_distance_m - 3.0 for p in q[k]] for q in people] for k in _ENDS)
    assert np.std(last) < 0.65 * np.std(first)
    within = [abs(q[-1].mid_hip_distance_m - 3.0) < q[-1].sigma[8] for q in people]
    assert np.mean(within) >= 0.6
    assert min(q[-1].sigma[8] / q[0].sigma[8] for q in people) > 0.8


def test_sound_that_leaves_a_pose_no_surer_than_the_image_tells_nothing() -> None:
    both, alone = Smoother(TrackConfig()), Smoother(TrackConfig())
    for k, off in enumerate((0.0, 0.05, -0.03, 0.04)):
        a = both(heard(3.0, off, 0.06, wrong=0.2), k * DT_NS)
        p = pose(3.0, 0.15, source="floor")  # by the image alone
        joints = p.joints / p.mid_hip_distance_m * 3.0 * (1.0 + off)
        b = alone(replace(p, joints=joints), k * DT_NS)
        assert a.mid_hip_distance_m == pytest.approx(b.mid_hip_distance_m, rel=1e-9)


def test_sound_of_a_moment_ago_corrects_the_images_of_who_has_walked_on() -> None:
    """Images put somebody 6 % too far who walks towards the camera at 1 m/s. Once a second they
    are heard, and by then they have gone on by 0.2 m.
    """
    with_sound, without = Smoother(TrackConfig()), Smoother(TrackConfig())
    errors: list[tuple[float, float]] = []
    for k in range(30):
        distance = 5.0 - 0.1 * k
        if k >= 10 and k % 10 == 2:
            then = pose(distance + 0.2, 0.05)
            image = ImageDistance(1.06 * (distance + 0.2), 0.3, "floor")
            with_sound.hear(replace(then, image=image), (k - 2) * DT_NS)
        seen = pose(1.06 * distance, 0.3, source="floor")
        heard_ones, blind = with_sound(seen, k * DT_NS, 1.0), without(seen, k * DT_NS, 1.0)
        true = pose(distance).mid_hip_distance_m
        errors.append((heard_ones.mid_hip_distance_m - true, blind.mid_hip_distance_m - true))
    corrected, left = np.abs(errors).T
    for k in (12, 22):
        assert np.mean(corrected[k : k + 3]) < 0.9 * np.mean(left[k : k + 3])
    assert (corrected[12:] < left[12:] + 0.01).all()


def test_the_longer_ago_somebody_was_heard_the_less_it_says_of_the_images_now() -> None:
    moved_by = []
    for ago in (0, 3, 9):
        track = Smoother(TrackConfig())
        for k in range(20):
            before = track(pose(4.24, 0.3, source="floor"), k * DT_NS, 1.0)
        late = replace(pose(4.0, 0.05), image=ImageDistance(4.24, 0.3, "floor"))
        track.hear(late, (19 - ago) * DT_NS, 1.0)
        after = track(pose(4.24, 0.3, source="floor"), 20 * DT_NS, 1.0)
        moved_by.append(before.mid_hip_distance_m - after.mid_hip_distance_m)
    assert moved_by[0] > 1.5 * moved_by[1] > 1.5 * moved_by[2] >= 0.0


def test_sound_far_from_any_image_says_nothing_of_them() -> None:
    track, other = Smoother(TrackConfig()), Smoother(TrackConfig())
    late = replace(pose(3.0, 0.05), image=ImageDistance(3.3, 0.3, "floor"))
    track.hear(late, 0)  # before the first image
    for k in range(5):
        for t in (track, other):
            t(pose(3.3, 0.3, source="floor"), (100 + k) * DT_NS, 1.0)
    track.hear(late, 0)
    track.hear(replace(late, image=None), 102 * DT_NS)
    one, two = (t(pose(3.3, 0.3, source="floor"), 105 * DT_NS, 1.0) for t in (track, other))
    np.testing.assert_allclose(one.joints, two.joints)


def test_after_a_step_back_in_time_sound_is_compared_with_new_images_only() -> None:
    again, anew = Smoother(TrackConfig()), Smoother(TrackConfig())
    for k in range(20):
        again(pose(5.0, 0.3, source="floor"), k * DT_NS, 1.0)
    late = replace(pose(3.0, 0.05), image=ImageDistance(3.3, 0.3, "floor"))
    for k in range(3):
        one, two = (t(pose(3.3, 0.3, source="floor"), k * DT_NS, 1.0) for t in (again, anew))
    for t in (again, anew):
        t.hear(late, DT_NS)
    one, two = (t(pose(3.3, 0.3, source="floor"), 3 * DT_NS, 1.0) for t in (again, anew))
    np.testing.assert_allclose(one.mid_hip_distance_m, two.mid_hip_distance_m, rtol=1e-6)


def test_switched_off_it_changes_nothing() -> None:
    p = replace(pose(3.0), sir_db=4.0)
    assert Smoother(TrackConfig(enabled=False))(p, 0) is p


def test_one_euro_of_a_constant_is_the_constant_and_lag_shrinks_with_speed() -> None:
    still = OneEuro(1.0, 0.0)
    for _ in range(10):
        assert still(np.array([1.0, 2.0]), 0.1).tolist() == [1.0, 2.0]
    lazy, eager = OneEuro(0.5, 0.0), OneEuro(0.5, 5.0)
    for i in range(20):
        x = np.array([0.1 * i, 0.0])
        a, b = lazy(x, 0.1), eager(x, 0.1)
    assert abs(x[0] - b[0]) < 0.3 * abs(x[0] - a[0])
