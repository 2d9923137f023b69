"""Whether this installation computes good poses: the shipped session against its truth."""

import numpy as np

from edge.core.config import Config, DeviceConfig, KeypointsConfig, LifterConfig, SourceConfig
from edge.core.errors import ModelError
from edge.core.pose import FrameEstimate
from edge.sensor.loops import replayed
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sources.session.reader import DEMO_SESSION
from edge.sources.session.truth import truth_error_m

# Somewhat more than the medians of what ships: 12.9 cm (`ray`, the default), 15.3 and 41.2.
MOST_ERROR_M = {"ray": 0.16, "volume": 0.18, "geometric": 0.47}
LEAST_SHARE = 0.8  # of the frames with a person, that give a pose
# Of the poses, that are scaled by sound. Of what ships 78 and 85 %: the farther one's echo lies
# within the other's.
LEAST_BY_SOUND = 0.7


def shipped_poses(
    keypoints: KeypointsConfig, lifter: LifterConfig
) -> tuple[list[FrameEstimate], int, float]:
    """What the shipped session shows, in how many frames somebody is, and the median error [m].

    lifter: only its kind is used; the other settings belong to a site.
    """
    source = SourceConfig("replay", str(DEMO_SESSION), realtime=False)
    plan = make_plan(
        Config(
            DeviceConfig("self-test"),
            source,
            keypoints=keypoints,
            lifter=LifterConfig(kind=lifter.kind),
        )
    )
    pipeline = Pipeline(plan.config, plan.rig, plan.excitation)
    poses = list(replayed(pipeline, plan.open()))
    assert plan.session is not None
    assert plan.session.truth is not None
    errors = [e for p in poses if (e := truth_error_m(plan.session, p)) is not None]
    return poses, len(plan.session.truth.t_ns), float(np.median(errors)) if errors else float("nan")


def self_test(keypoints: KeypointsConfig, lifter: LifterConfig) -> str:
    """Say how good the poses are. Raises ModelError where they are worse than a good release's."""
    estimates, shown, error_m = shipped_poses(keypoints, lifter)
    most_m = MOST_ERROR_M[lifter.kind]
    sources = [p.pose.scale_source for e in estimates for p in e.people]
    by_sound = sum(source == "sound" for source in sources)
    found = (
        f"{len(sources)} poses in {len(estimates)} of {shown} frames, {by_sound} scaled by sound, "
        f"median error {100 * error_m:.1f} cm"
    )
    if (
        len(estimates) >= LEAST_SHARE * shown
        and by_sound >= LEAST_BY_SOUND * len(sources)
        and error_m <= most_m
    ):
        return found
    raise ModelError(
        f"{found}, but {LEAST_SHARE * shown:.0f} poses, {100 * LEAST_BY_SOUND:.0f} % of them by "
        f"sound, and at most {100 * most_m:g} cm are needed; install another release"
    )
