"""Output at the terminal: a line per frame and a progress line, or one JSON object per line."""

import json
import sys
import time
from typing import Any, TextIO

from edge.core.logs.shown import shown
from edge.core.pose import MID_HIP, FrameEstimate, PersonEstimate
from edge.core.stature import standing_height
from edge.output.messages.fields import Message
from edge.sensor.hearing import Counters

_LINES_PER_S = 4.0


class Console:
    """Prints everybody seen, at most four times a second; with json_lines always, as JSON."""

    def __init__(
        self, json_lines: bool, out: TextIO | None = None, progress: TextIO | None = None
    ) -> None:
        self.json_lines = json_lines
        self._out = out or sys.stdout
        self._progress = progress or sys.stderr
        self._last = 0.0
        self._bar = False

    def say(self, text: str) -> None:
        """A line for people: to stderr in JSON mode, so that stdout stays machine-readable."""
        self._clear()
        print(shown(text), file=self._progress if self.json_lines else self._out, flush=True)

    def pose(self, estimate: FrameEstimate, message: Message, error_m: float | None = None) -> None:
        """Show one frame's people. error_m: mean distance to the session's truth, where there is
        one.
        """
        if self.json_lines:
            extra: dict[str, Any] = {} if error_m is None else {"error_m": round(error_m, 3)}
            print(json.dumps(message | extra, separators=(",", ":")), file=self._out, flush=True)
            return
        now = time.monotonic()
        if now - self._last < 1.0 / _LINES_PER_S:
            return
        self._last = now
        self._clear()
        print(_lines(estimate, message, error_m), file=self._out, flush=True)

    def progress(
        self, elapsed_s: float, total_s: float | None, counters: Counters, unseen: int
    ) -> None:
        """Redraw the progress line; only on a terminal. unseen: images that the camera gave and
        nobody took.
        """
        if self.json_lines or not self._progress.isatty():
            return
        share = f" of {total_s:.0f} s" if total_s else " s"
        sound = 100.0 * counters.poses_from_sound / max(counters.poses, 1)
        text = (
            f"  {elapsed_s:5.0f}{share}  {counters.poses} poses, {sound:.0f} % scaled by sound, "
            f"{counters.frames_dropped + unseen} images dropped"
        )
        self._progress.write("\r" + text.ljust(78))
        self._progress.flush()
        self._bar = True

    def _clear(self) -> None:
        if self._bar:
            self._progress.write("\r" + " " * 78 + "\r")
            self._progress.flush()
            self._bar = False


def _lines(e: FrameEstimate, message: Message, error_m: float | None) -> str:
    """A line for each person; the first begins with the time, the last ends with the error."""
    time_of_day = str(message["timestamp"])[11:23]
    more = f"{e.more} more in view  " if e.more else ""
    more += f"{e.hidden} hidden  " if e.hidden else ""
    lines = [_line(person) for person in e.people]
    lines[-1] += f"  {more}[{e.source}]"
    if error_m is not None:
        lines[-1] += f"  error {100 * error_m:4.1f} cm"
    return ("\n" + " " * (len(time_of_day) + 2)).join([f"{time_of_day}  {lines[0]}", *lines[1:]])


def _line(person: PersonEstimate) -> str:
    pose = person.pose
    height = standing_height(pose.joints, pose.confidence)
    parts = [
        f"person {person.id} {person.presence.replace('_', ' '):<9}",
        f"mid-hip {pose.mid_hip_distance_m:5.2f} m ± {pose.sigma[MID_HIP]:.2f}",
        f"scale from {pose.scale_source:<6}",
        f"echo {pose.sir_db:5.1f} dB" if pose.sir_db == pose.sir_db else "echo   -   dB",
        f"height {height:4.2f} m",
    ]
    return "  ".join(parts)
