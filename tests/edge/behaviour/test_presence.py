"""Who counts: heard once, present for good; seen and never heard, a picture; and no haste."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.presence import (
    AUDIBLE_DB,
    NO_BURST_S,
    Echo,
    PresenceJudge,
    load_evidence,
    masked,
)
from edge.core.config.estimation import LifterKind
from edge.core.pose import Keypoints, LiftedPose, Presence
from edge.lifting.lifter import MODELS, lifter_file
from tests.support.bodies import seen, standing

NAN = float("nan")
RAY = load_evidence("ray")
CLEAR_DB = AUDIBLE_DB + 9.0  # an echo that nobody could miss


def pose(
    confidence: float = NAN, height_m: float = 1.7, at: tuple[float, float] = (0.0, 3.0)
) -> LiftedPose:
    joints = standing(height_m, at)[:15]
    return LiftedPose(
        joints, np.full(15, 0.1), np.full(15, 0.8), "height", 0.0, sound_confidence=confidence
    )


def shown(score: float = 0.6) -> Keypoints:
    return replace(seen(standing()), score=score)


def heard(judge: PresenceJudge, p: LiftedPose, echo_db: float, t_s: float) -> Presence:
    """In an image with a period of sound, without one where echo_db is NaN."""
    echo = None if np.isnan(echo_db) else Echo(echo_db, p.sound_confidence)
    return judge(shown(), p, echo, t_s)


def judged(
    poses: Iterable[LiftedPose], echo_db: float = CLEAR_DB, score: float = 0.6, dt_s: float = 0.1
) -> list[Presence]:
    judge = PresenceJudge(RAY)
    out = []
    for k, p in enumerate(poses):
        echo = None if np.isnan(echo_db) else Echo(echo_db, p.sound_confidence)
        out.append(judge(shown(score), p, echo, 5.0 + dt_s * k))
    return out


def test_who_is_heard_is_present_within_half_a_second_and_stays_so() -> None:
    out = judged([pose(0.95)] * 5 + [pose(0.02)] * 600)
    assert out[0] == "unsure"  # one period of sound may be wrong
    assert set(out[4:]) == {"present"}


NETWORKS: tuple[LifterKind, ...] = ("ray", "volume")


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_evidence_is_that_of_the_network_that_ships(kind: LifterKind) -> None:
    """A new network is sure in other ways: `posekernel-export fit-presence` comes with it."""
    model = (MODELS / lifter_file(kind, "int8")).read_bytes()
    evidence = load_evidence(kind)
    assert evidence is not None
    assert evidence.network == hashlib.sha256(model).hexdigest()


def test_without_evidence_the_image_decides() -> None:
    assert load_evidence("geometric") is None
    judge = PresenceJudge(None)
    out = [judge(shown(), pose(), Echo(CLEAR_DB, 0.01), 5.0 + 0.1 * k) for k in range(30)]
    assert set(out[12:]) == {"present"}


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_surer_a_network_is_the_likelier_somebody_is_there(kind: LifterKind) -> None:
    evidence = load_evidence(kind)
    assert evidence is not None
    shape = len(evidence.distances_m) + 1, len(evidence.over_noise_db) + 1
    assert np.shape(evidence.offset) == np.shape(evidence.slope) == shape
    assert np.min(evidence.slope) >= 0.0
    # Where people are, and clearly heard.
    for distance_m in (1.8, 3.0, 4.0):
        assert evidence.told(0.97, distance_m, CLEAR_DB) > 0.5
        assert evidence.told(0.1, distance_m, CLEAR_DB) < -1.0


def test_poor_sound_takes_longer_and_one_good_period_is_not_enough() -> None:
    assert judged([pose(0.91)] * 10)[-1] == "present"
    assert judged([pose(0.99)] + [pose(0.5)] * 9)[-1] != "present"


def test_a_picture_is_seen_only_and_never_occupies_the_room() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        out = judged(pose(float(c)) for c in np.clip(rng.exponential(0.12, 100), 0.01, 0.9))
        assert "present" not in out
        assert set(out[20:]) == {"seen_only"}


def test_somebody_found_silent_at_first_is_present_once_heard() -> None:
    out = judged([pose(0.03)] * 20 + [pose(0.97)] * 20)
    assert out[19] == "seen_only"
    assert out[-1] == "present"


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_without_sound_image_and_plausibility_decide_within_a_second(fps: int) -> None:
    out = judged([pose()] * (2 * fps), NAN, dt_s=1.0 / fps)
    assert out[0] == "unsure"
    assert set(out[round(0.6 * fps) :]) == {"present"}


def test_an_echo_too_faint_to_hear_is_no_sign_of_nobody() -> None:
    assert "seen_only" not in judged([pose(0.03)] * 100, echo_db=AUDIBLE_DB - 3.0)
    assert judged([pose(0.03)] * 100, echo_db=AUDIBLE_DB - 3.0)[-1] == "present"
    assert judged([pose(0.03)] * 100, echo_db=AUDIBLE_DB + 3.0)[-1] == "seen_only"


def test_farther_away_than_sound_reaches_nobody_is_sure() -> None:
    """People on a screen look small, and so far away; without sound the image decides."""
    far = [pose(0.03, at=(0.0, 7.0))] * 100
    assert set(judged(far)) == {"unsure"}
    assert set(judged([pose(0.97, at=(0.0, 7.0))] * 100)) == {"unsure"}
    assert judged(far, NAN)[-1] == "present"


def test_who_was_far_away_is_heard_on_coming_nearer() -> None:
    out = judged([pose(0.03, at=(0.0, 6.0 - 0.1 * k)) for k in range(10)] + [pose(0.97)] * 10)
    assert out[-1] == "present"


@pytest.mark.parametrize("metres", [2.0, 3.0, 4.0])
def test_what_is_half_believed_occupies_no_room(metres: float) -> None:
    """The farther of two people on a screen, of whom nothing is heard."""
    rng = np.random.default_rng(1)
    out = judged(pose(float(c), at=(0.0, metres)) for c in rng.uniform(0.4, 0.75, 60))
    assert "present" not in out


def test_present_by_the_image_alone_lasts_until_sound_says_otherwise() -> None:
    judge = PresenceJudge(RAY)
    silent = [heard(judge, pose(), NAN, 0.1 * k) for k in range(20)]
    listening = [heard(judge, pose(0.03), CLEAR_DB, 2.0 + 0.1 * k) for k in range(20)]
    assert silent[-1] == "present"
    assert listening[2] == "present"
    assert listening[-1] == "seen_only"


def test_sound_that_stops_for_a_moment_decides_nothing() -> None:
    judge = PresenceJudge(RAY)
    out = [heard(judge, pose(0.45), NAN if 5 <= k < 12 else CLEAR_DB, 0.1 * k) for k in range(14)]
    assert "present" not in out


def test_images_that_share_a_period_of_sound_count_it_once() -> None:
    once = judged([pose(0.03)] * 8)
    judge = PresenceJudge(RAY)
    shared = [
        heard(judge, pose(0.03), CLEAR_DB if k % 3 == 0 else NAN, 0.033 * k) for k in range(24)
    ]
    assert shared[::3] == once


@pytest.mark.parametrize(
    "poses",
    [
        [pose(0.99, height_m=3.5)] * 30,
        [pose(0.99, height_m=0.3)] * 30,
        [pose(0.99, at=(0.0, 14.0))] * 30,
        [pose(0.99, at=(1.5 * (-1) ** k, 3.0)) for k in range(30)],
        [replace(pose(0.99), confidence=np.full(15, 0.1))] * 30,
    ],
    ids=["giant", "doll", "far", "jumping", "unseen"],
)
def test_what_is_no_body_is_nobody_even_when_something_is_heard(poses: list[LiftedPose]) -> None:
    assert "present" not in judged(poses)
    assert "present" not in judged(poses, NAN)


def test_a_low_score_is_nobody() -> None:
    assert set(judged([pose(0.99)] * 30, score=0.2)) == {"unsure"}


def test_a_doll_that_is_not_heard_is_seen_only() -> None:
    assert judged([pose(0.03, height_m=0.3)] * 30)[-1] == "seen_only"


def test_a_bad_pose_does_not_send_away_who_was_heard() -> None:
    out = judged([pose(0.95)] * 10 + [pose(0.95, height_m=3.5)] * 20)
    assert set(out[5:]) == {"present"}


def test_an_echo_after_that_of_somebody_who_was_heard_may_be_masked() -> None:
    assert masked([2.0, 3.5, 1.5], [True, False, False]) == [False, True, False]
    assert masked([2.0, 2.2], [True, False]) == [False, True]
    # Two figures on one screen do not excuse each other.
    assert masked([2.0, 2.1, 3.0], [False, False, False]) == [False, False, False]
    assert masked([2.0, 2.1], [True, True]) == [True, True]


def test_whoever_is_masked_is_judged_by_the_image() -> None:
    judge = PresenceJudge(RAY)
    out = [heard(judge, pose(0.1), -np.inf if k > 2 else CLEAR_DB, 0.1 * k) for k in range(60)]
    assert "seen_only" not in out
    assert set(out[10:]) == {"present"}


def test_a_figure_that_was_not_heard_stays_doubtful_while_somebody_masks_it() -> None:
    judge = PresenceJudge(RAY)
    out = [heard(judge, pose(0.03), -np.inf if k > 20 else CLEAR_DB, 0.1 * k) for k in range(99)]
    assert set(out[10:]) == {"seen_only"}


def in_bursts(
    confidence: float, every_s: float, seconds: float, periods: int = 1
) -> list[Presence]:
    """Five images a second, a burst every so often from the first half second on."""
    judge, out = PresenceJudge(RAY), []
    for k in range(round(5 * seconds)):
        heard_now = k >= 2 and (k - 2) % round(5 * every_s) == 0
        echo = Echo(CLEAR_DB, confidence, periods) if heard_now else None
        out.append(judge(shown(), pose(confidence), echo, 0.2 * k, in_bursts=True))
    return out


def test_a_picture_stays_unsure_between_rare_bursts_until_a_few_have_not_heard_it() -> None:
    out = in_bursts(0.03, every_s=10.0, seconds=100.0, periods=4)
    assert "present" not in out
    assert out[-1] == "seen_only"
    # The same in a tenth of the time: what counts are the bursts.
    assert out.index("seen_only") == pytest.approx(
        10 * in_bursts(0.03, every_s=1.0, seconds=100.0, periods=4).index("seen_only"), rel=0.2
    )


def test_two_clear_bursts_hear_somebody_and_one_alone_is_not_enough() -> None:
    assert set(in_bursts(0.97, every_s=10.0, seconds=9.0, periods=5)) == {"unsure"}
    assert in_bursts(0.97, every_s=2.0, seconds=9.0, periods=5)[-1] == "present"


def test_bursts_that_tell_nothing_leave_it_to_the_image_and_so_does_a_budget_that_is_spent() -> (
    None
):
    assert in_bursts(NAN, every_s=1.0, seconds=4.0)[-1] == "present"
    without = in_bursts(0.03, every_s=1000.0, seconds=10.0)[:2]
    judge = PresenceJudge(RAY)
    none = [judge(shown(), pose(), None, 0.2 * k, in_bursts=True) for k in range(60)]
    assert set(without) == {"unsure"}
    assert none[round(5 * NO_BURST_S) - 2] == "unsure"
    assert none[-1] == "present"
