"""TRC, the marker files of OpenSim: millimetres, x forward, y up, z right."""

import numpy as np

from edge.tools.conversion.takes import Take
from edge.tools.conversion.timeline import Timeline

# BODY_25's joints as Pose2Sim calls them, whose OpenSim models have markers of these names.
MARKERS = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "CHip",
    "RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle",
)  # fmt: skip


def trc_text(take: Take, timeline: Timeline, name: str) -> str:
    """The file's text. name: of the file. Rows without a pose, and unknown joints, are blank.

    "Forward" is away from the camera. Times are those since the first pose of the message file.
    """
    order, signs = ([1, 2, 0], (1.0, 1.0, 1.0)) if take.room else ([2, 1, 0], (1.0, -1.0, 1.0))
    places = 1000.0 * take.joints[:, :, order] * signs + 0.0
    blank = "\t" * (3 * len(MARKERS))
    rate, count = f"{1.0 / timeline.interval_s:.4f}", len(timeline.rows)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\t"
        "OrigNumFrames",
        f"{rate}\t{rate}\t{count}\t{len(MARKERS)}\tmm\t{rate}\t1\t{count}",
        "Frame#\tTime\t" + "".join(f"{marker}\t\t\t" for marker in MARKERS),
        "\t\t" + "".join(f"X{k}\tY{k}\tZ{k}\t" for k in range(1, len(MARKERS) + 1)),
        "",
    ]
    lines = []
    for row, pose in enumerate(timeline.rows):
        cells = blank if pose < 0 else "".join(_cell(v) for v in places[pose].ravel())
        lines.append(f"{row + 1}\t{timeline.time_s(row):.6f}\t{cells}")
    return "\n".join([*head, *lines, ""])


def _cell(value: float) -> str:
    return f"{value:.2f}\t" if np.isfinite(value) else "\t"
