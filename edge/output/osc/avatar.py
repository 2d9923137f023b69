"""Whom the avatar follows, and what is sent when."""

import threading
from collections.abc import Callable

import numpy as np

from edge.core.config import OscConfig
from edge.core.pose import FrameEstimate, PersonEstimate
from edge.output.messages.attendance import Attendance
from edge.output.osc.encoding import bundles
from edge.output.osc.target import Target
from edge.output.osc.vmc import lost_messages, person_messages
from edge.output.skeleton import upright

LOST_S = 1.0


class AvatarStream:
    """Sends one person of each image to an avatar program. Call `pose` with each estimate and
    `tick` several times a second. Thread-safe; neither waits for the network.

    The nearest of those present changes as in the summary. Who is not in an image is not sent; once
    nobody was sent for LOST_S, a message a second says that nobody is tracked. clock: seconds on
    the clock of the images.
    """

    def __init__(self, config: OscConfig, clock: Callable[[], float]) -> None:
        self.target = Target(config.host, config.port)
        self._wanted, self._clock = config.person, clock
        self._lock = threading.Lock()
        self._start_s = self._sent_s = clock()
        self._attendance = Attendance(self._start_s)

    def pose(self, estimate: FrameEstimate) -> None:
        """Take everybody in one image."""
        with self._lock:
            now_s = self._clock()
            person = self._chosen(estimate, now_s)
            if person is None:
                return
            room = person.joints_room is not None
            joints = person.joints_room if person.joints_room is not None else person.pose.joints
            if np.isfinite(joints).all():
                places = upright(joints, room=room).tolist()
                self._send(person_messages(places, now_s - self._start_s), now_s)

    def tick(self, blind: str | None) -> None:
        """Notice that nobody was sent for a while. blind: why nobody can be seen now."""
        with self._lock:
            now_s = self._clock()
            if blind is not None:
                self._attendance = Attendance(now_s)
            self._attendance.leave(now_s)
            if now_s - self._sent_s >= LOST_S:
                self._send(lost_messages(now_s - self._start_s), now_s)

    def close(self) -> None:
        """Say that nobody is tracked any more. Safe to call twice."""
        with self._lock:
            for packet in bundles(lost_messages(self._clock() - self._start_s)):
                self.target.send(packet)
            self.target.close()

    def _chosen(self, estimate: FrameEstimate, now_s: float) -> PersonEstimate | None:
        if self._wanted != "nearest":
            return next((p for p in estimate.people if p.id == self._wanted), None)
        self._attendance.see(estimate, now_s)
        state = self._attendance.state(now_s)
        nearest = None if state is None or state.nearest is None else state.nearest.id
        return next((p for p in estimate.present if p.id == nearest), None)

    def _send(self, messages: list[bytes], now_s: float) -> None:
        self._sent_s = now_s
        for packet in bundles(messages):
            self.target.send(packet)
