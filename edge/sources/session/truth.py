"""Estimates against the true joints of a session."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.core.arrays import Array
from edge.core.pose import N_JOINTS, FrameEstimate
from edge.sources.session.reader import Session


def true_joints(session: Session | None, frame: int) -> Array | None:
    """The true joints (Q, 25, 3) [m], camera frame, of everybody in the scene at a frame, by its
    number in the source; None without truth.
    """
    if session is None or session.truth is None:
        return None
    t_ns = session.frame_times_ns[frame % len(session.frame_times_ns)]
    joints = session.truth.joints[int(np.argmin(np.abs(session.truth.t_ns - t_ns)))]
    return np.asarray(joints[np.isfinite(joints).all(axis=-1).any(axis=-1)])


def match_people(joints: Array, truth: Array) -> list[tuple[int, int, float]]:
    """Who is who: posed people (N, 15, 3) and true ones (Q, 25, 3), both camera frame [m].

    Returns (row of joints, row of truth, mean distance of the joints [m]) of each pair, such that
    the sum of the distances is least; min(N, Q) pairs, fewer where no joint is known in both.
    """
    if len(joints) == 0 or len(truth) == 0:
        return []
    apart = np.linalg.norm(joints[:, None] - truth[None, :, :N_JOINTS], axis=-1)
    known = np.isfinite(apart)
    total = np.where(known, apart, 0.0).sum(axis=-1)
    cost = np.where(known.any(axis=-1), total / np.maximum(known.sum(axis=-1), 1), 1e6)
    rows, columns = linear_sum_assignment(cost)
    return [
        (int(i), int(q), float(cost[i, q]))
        for i, q in zip(rows, columns, strict=True)
        if known[i, q].any()
    ]


def truth_error_m(session: Session | None, estimate: FrameEstimate) -> float | None:
    """Mean distance [m] of the joints of the people posed from the truth of those who stand
    nearest; None where nobody's is known.
    """
    true = true_joints(session, estimate.frame)
    if true is None:
        return None
    pairs = match_people(np.array([p.pose.joints for p in estimate.people]), true)
    return float(np.mean([error for *_, error in pairs])) if pairs else None
