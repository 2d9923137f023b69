"""What the page needs besides the messages: where they come from, and the sensor's geometry."""

from typing import Any

import numpy as np

import edge
from edge.core.config import Config
from edge.core.rig import Rig
from edge.output.page.zone_edits import zones_shown

PAGE_SCHEMA = "posekernel.page/1"


def page_description(config: Config, rig: Rig) -> dict[str, Any]:
    """A JSON-ready dict of schema PAGE_SCHEMA.

    Positions are in the room frame where the camera's height is known, else in axes like the room's
    with the camera at the origin (frame "camera"): x right, y forward, z up, metres. frustum:
    (4, 3) the image's corners 1 m in front of the camera. zones: on the floor. websocket_url: None
    without a broker. recording: a file beside the page to play, or None. zones_file: name of the
    file in which the page can change the zones, or None.
    """
    camera = rig.camera
    corners = camera.rays(
        [[0, 0], [camera.width, 0], [camera.width, camera.height], [0, camera.height]]
    )
    known = camera.height_m is not None

    def place(points: Any) -> list[list[float]]:
        p = camera.to_room(points) if known else np.asarray(points)[:, [0, 2, 1]] * (1.0, 1.0, -1.0)
        return [[round(float(v), 4) for v in row] for row in p]

    return {
        "schema": PAGE_SCHEMA,
        "version": edge.__version__,
        "id": config.device.id,
        "base_topic": config.mqtt.base_topic,
        "websocket_url": config.web.websocket_url or None,
        "recording": None,
        "zones_file": None,
        "frame": "room" if known else "camera",
        "camera": place(np.zeros((1, 3)))[0],
        "frustum": place(corners),
        "speakers": place(rig.speakers),
        "mics": place(rig.mics),
        "zones": zones_shown(config.zones),
        "envelope_rate_hz": config.mqtt.envelope_rate_hz,
        "max_range_m": config.lifter.max_range_m,
    }
