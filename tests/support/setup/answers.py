"""What somebody answers who has a card that hears a recorded session, and its film for a camera."""

import math
from typing import Any

from edge.sources.session.reader import Session


def session_answers(
    session: Session, device: str, film: str, port: int, **array: object
) -> dict[str, dict[str, Any]]:
    """For `posekernel setup --yes`, without calibration. film: its path where the sensor is; port:
    of the broker on the sensor's own machine; array: of the card, such as capture and playback.
    """
    camera = session.rig.camera
    return {
        "name": {"id": device},
        "array": {
            "array": "generic-usb",
            "channels": session.channels,
            "mic_channels": list(session.mic_channels),
            "reference_channel": session.reference_channel,
            "sample_rate_hz": session.excitation.sample_rate_hz,
            **array,
        },
        "loudspeaker": {
            "place": "elsewhere",
            "speaker_cm": (100.0 * session.rig.speakers[0]).round(2).tolist(),
            "mics_cm": (100.0 * session.rig.mics).round(2).tolist(),
        },
        "camera": {
            "camera": film,
            "fps": 1e9 * len(session.frame_times_ns) / session.span_ns,
            "loop": True,
            "view_deg": math.degrees(2 * math.atan(camera.width / 2 / camera.fx)),
        },
        "mounting": {
            "height_cm": 100.0 * (camera.height_m or 0.0),
            "tilt_deg": camera.tilt_deg,
            "roll_deg": camera.roll_deg,
        },
        "broker": {"host": "127.0.0.1", "port": port},
        "sound": {"mode": "continuous"},
        "calibrate": {"run": False},
        "test": {"seconds": 120},  # it ends once somebody is present
    }
