"""Poses that the runtime gives for a session, drawn over its frames."""

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.core.arrays import Image
from edge.core.config import Config, DeviceConfig, SourceConfig
from edge.core.errors import SessionError
from edge.core.pose import BONES, PoseEstimate
from edge.core.rig import Camera
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sources.session.replay import open_replay
from edge.sources.session.truth import truth_error_m

SIDES = {"left": (80, 160, 255), "right": (255, 150, 60), "middle": (90, 220, 120)}


def write_overlay(sessions: Sequence[Path], out: Path, columns: int, height: int) -> None:
    """Replay sessions and draw a row of `columns` poses for each into a PNG. height: of a frame
    [px]. Raises SessionError.
    """
    rows = [session_row(path, columns, height) for path in sessions]
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    if not cv2.imwrite(str(out), cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)):
        raise SessionError(f"{out}: cannot be written")


def session_row(path: Path, columns: int, height: int) -> Image:
    """Replay one session and draw `columns` of its poses side by side (height, W, 3). Raises
    SessionError where it has none.
    """
    config = Config(
        device=DeviceConfig("overlay"), source=SourceConfig("replay", str(path), realtime=False)
    )
    plan = make_plan(config)
    source = plan.open()
    estimates = list(
        offline_poses(
            Pipeline(config, plan.rig, plan.excitation), source, threading.Event(), lambda _: None
        )
    )
    source.close()
    if not estimates or plan.session is None:
        raise SessionError(f"{path}: nobody was seen in this session")
    chosen = {
        e.frame: e
        for e in (
            estimates[i] for i in np.linspace(0, len(estimates) - 1, columns + 2).astype(int)[1:-1]
        )
    }
    frames = open_replay(plan.session, realtime=False).frames
    cells: list[Image] = []
    while len(cells) < len(chosen) and (frame := frames.read(1.0)) is not None:
        if frame.index not in chosen:
            continue
        estimate = chosen[frame.index]
        cell = draw(
            frame.image.copy(), estimate, plan.rig.camera, truth_error_m(plan.session, estimate)
        )
        size = (round(cell.shape[1] * height / cell.shape[0]), height)
        cells.append(np.asarray(cv2.resize(cell, size, interpolation=cv2.INTER_AREA), np.uint8))
    return np.asarray(np.concatenate(cells, axis=1), np.uint8)


def draw(image: Image, estimate: PoseEstimate, camera: Camera, error_m: float | None) -> Image:
    """Draw the metric joints into `image`, with the pose's distance, 1-sigma and scale source."""
    pose = estimate.pose
    points = np.round(camera.project(pose.joints)).astype(int)
    scale = max(1, image.shape[0] // 400)
    for a, b in BONES:
        side = (
            "right"
            if b in (2, 3, 4, 9, 10, 11)
            else "left"
            if b in (5, 6, 7, 12, 13, 14)
            else "middle"
        )
        cv2.line(image, points[a].tolist(), points[b].tolist(), SIDES[side], 2 * scale, cv2.LINE_AA)
    for p in points:
        cv2.circle(image, p.tolist(), 2 * scale, (255, 255, 255), -1, cv2.LINE_AA)
    lines = [
        f"{pose.mid_hip_distance_m:.2f} m +- {pose.sigma[8]:.2f}, scale from {pose.scale_source}",
        "" if error_m is None else f"error {100 * error_m:.0f} cm",
    ]
    cv2.rectangle(image, (0, 0), (image.shape[1], 52 * scale), (0, 0, 0), -1)
    for i, line in enumerate(lines):
        at = (8 * scale, (22 + 22 * i) * scale)
        cv2.putText(
            image,
            line,
            at,
            cv2.FONT_HERSHEY_SIMPLEX,
            0.5 * scale,
            (255, 255, 255),
            scale,
            cv2.LINE_AA,
        )
    return image
