"""Estimates against the true joints of a session."""

import numpy as np

from edge.core.arrays import Array
from edge.core.pose import JOINTS, PoseEstimate
from edge.sources.session.reader import Session


def true_joints(session: Session | None, estimate: PoseEstimate) -> Array | None:
    """The true joints (25, 3) [m], camera frame, at the estimate's image; None without truth."""
    if session is None or session.truth is None:
        return None
    t_ns = session.frame_times_ns[estimate.frame % len(session.frame_times_ns)]
    return np.asarray(session.truth.joints[int(np.argmin(np.abs(session.truth.t_ns - t_ns)))])


def truth_error_m(session: Session | None, estimate: PoseEstimate) -> float | None:
    """Mean distance [m] of the joints from the truth, where it is known; None without truth."""
    true = true_joints(session, estimate)
    if true is None:
        return None
    error = np.linalg.norm(true[: len(JOINTS)] - estimate.pose.joints, axis=1)
    return float(np.nanmean(error)) if np.isfinite(error).any() else None
