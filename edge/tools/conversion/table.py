"""CSV: every pose as it was sent, with 1-sigma and confidence of each joint."""

import csv
import io

import numpy as np

from edge.core.pose import JOINTS
from edge.tools.conversion.takes import Take

_ABOUT = ("time_s", "timestamp", "person", "presence", "scale_source", "posture", "frame")
_OF_A_JOINT = ("x_m", "y_m", "z_m", "sigma_m", "confidence")
COLUMNS = (*_ABOUT, *(f"{joint}_{what}" for joint in JOINTS for what in _OF_A_JOINT))


def csv_text(take: Take) -> str:
    """The file's text (RFC 4180): a row for each message at its own time; what is unknown is empty.

    time_s counts from the first pose of the message file. `frame` names the axes, which are those
    of the messages: room (x right, y forward, z up, origin on the floor below the camera), or
    camera (x right, y down, z forward).
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    values = np.concatenate(
        [take.joints, take.sigma[:, :, None], take.confidence[:, :, None]], axis=2
    ).reshape(len(take.times_s), -1)
    for k, entry in enumerate(take.people):
        table.writerow(
            [
                f"{take.times_s[k]:.4f}",
                take.timestamps[k],
                take.person,
                entry.presence,
                entry.scale_source,
                entry.posture,
                "room" if take.room else "camera",
                *(f"{v:.10g}" if np.isfinite(v) else "" for v in values[k]),
            ]
        )
    return text.getvalue()
