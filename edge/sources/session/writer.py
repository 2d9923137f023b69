"""Writes a session folder piece by piece: if the process is killed or the disk full, what was
written until then can be loaded.
"""

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import cv2
import numpy as np
import numpy.typing as npt

from edge.core.config import ExcitationConfig
from edge.core.contracts import Sounding
from edge.core.errors import EndOfStreamError, SessionError
from edge.core.files import write_whole
from edge.core.rig import Rig, rig_to_dict
from edge.sources.session.growing_files import GrowingArray, GrowingObject

FORMAT, VERSION = "posekernel-session", 1
FULL_SCALE = 32768
# What sounds in a period, in audio_sounding.npy: one of these, or k where a burst of k begins.
CONTINUOUS, SILENCE, IN_A_BURST = 0, -1, -2
_JPEG_QUALITY = 92


class SessionWriter:
    """Context manager that writes one session. Times are on any clock [ns]; the session's clock
    starts at `start_ns`.

    Images are written to frames.mp4, which can be read only once it is complete; until then each is
    kept in frames/ as well. Leaving the context, also by EndOfStreamError, completes the session.
    After any other exception, a failed write or a kill it loads up to there, with a note. A write
    that fails raises SessionError.
    """

    def __init__(
        self,
        path: Path,
        *,
        source: Literal["simulated", "recorded"],
        rig: Rig,
        excitation: ExcitationConfig,
        channels: int,
        mic_channels: tuple[int, ...],
        reference_channel: int | None,
        description: str = "",
        licence: str = "",
        empty_until_s: float = 0.0,
        fps: float = 15.0,
        start_ns: int = 0,
    ):
        """Create the folder. Raises SessionError if it is not empty or cannot be written."""
        self._path, self._fps, self._start_ns = Path(path), fps, start_ns
        self._n, self._channels = excitation.period_samples, channels
        self._period_ns = self._n * 1_000_000_000 // excitation.sample_rate_hz
        self._head: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "source": source,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "description": description,
            "licence": licence,
            "period_samples": self._n,
            "channels": channels,
            "mic_channels": list(mic_channels),
            "reference_channel": reference_channel,
            "full_scale": FULL_SCALE,
            "excitation": {
                "sample_rate_hz": excitation.sample_rate_hz,
                "band_hz": list(excitation.band_hz),
                "period_s": excitation.period_s,
                "level_dbfs": excitation.level_dbfs,
            },
            "rig": rig_to_dict(rig, excitation.sample_rate_hz, excitation.band_hz),
            "empty_until_s": empty_until_s,
        }
        self._video: Any = None
        self._closed = self._failed = False
        self._size: tuple[int, int] | None = None
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            if any(self._path.iterdir()):
                raise SessionError(
                    f"{self._path}: not empty; name a new folder, nothing is overwritten"
                )
            self._write_head(complete=False)
            self._audio = GrowingArray(self._path / "audio.npy", np.int16, (channels,))
            self._audio_times = GrowingArray(self._path / "audio_times.npy", np.int64)
            self._sounding = GrowingArray(self._path / "audio_sounding.npy", np.float32, (2,))
            self._frame_times = GrowingArray(self._path / "frame_times.npy", np.int64)
            self._faults = GrowingObject(self._path / "audio_faults.json")
        except OSError as e:
            raise SessionError(
                f"{self._path}: cannot be written ({e}); choose a folder that can"
            ) from e

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, EndOfStreamError):
            self.close()
        else:
            # The present exception says more than one that follows from it.
            with suppress(SessionError):
                self._finish(complete=False)

    def add_period(
        self,
        raw: npt.NDArray[np.int16],
        t_ns: int,
        fault: str = "",
        sounding: Sounding = "continuous",
        burst: int = 0,
        gain: float = 1.0,
    ) -> None:
        """raw: (N, C) int16, one excitation-aligned period of all capture channels, or a burst of k
        periods, ((k + 1) N, C). t_ns: of its first sample. fault: why it must not be used.
        sounding, burst, gain: see `AudioPeriod`.
        """
        if raw.shape != ((burst + 1) * self._n, self._channels) or raw.dtype != np.int16:
            raise SessionError(
                f"a period is {raw.dtype} {raw.shape}, but int16 ({(burst + 1) * self._n}, "
                f"{self._channels}) is needed"
            )
        kind = SILENCE if sounding == "silence" else burst or CONTINUOUS
        times = t_ns - self._start_ns + np.arange(burst + 1) * self._period_ns
        with self._writing():
            if fault:
                self._faults.add(str(self._audio_times.rows), fault)
            self._audio.append(raw)
            self._sounding.append([(kind, gain)] + burst * [(IN_A_BURST, gain)])
            self._audio_times.append(times)

    def add_frame(self, image: npt.NDArray[np.uint8], t_ns: int) -> None:
        """image: (H, W, 3) uint8 RGB, all of one size."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise SessionError(
                f"an image is {image.dtype} {image.shape}, but uint8 (H, W, 3) is needed"
            )
        size = (image.shape[1], image.shape[0])
        if self._size not in (None, size):
            raise SessionError(
                f"an image is {size[0]} x {size[1]}, but the first was {self._size}: "
                "one size is needed"
            )
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        with self._writing():
            if self._video is None:
                self._size, self._video = size, self._open_video(size)
            _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
            (self._path / "frames" / f"{self._frame_times.rows:06d}.jpg").write_bytes(
                jpeg.tobytes()
            )
            self._video.write(bgr)
            self._frame_times.append([t_ns - self._start_ns])

    def set_truth(self, t_ns: npt.NDArray[np.int64], joints: npt.NDArray[np.floating[Any]]) -> None:
        """t_ns: (K,) on the clock of the periods and images. joints: (K, Q, 25, 3) of Q people,
        camera frame, metres; NaN where a joint is unknown or a person not in the scene.
        """
        if joints.ndim != 4 or len(joints) != len(t_ns) or joints.shape[2:] != (25, 3):
            raise SessionError(
                f"truth is {t_ns.shape}, {joints.shape}, but (K,) and (K, Q, 25, 3) are needed"
            )
        file = io.BytesIO()
        np.savez_compressed(file, t_ns=np.asarray(t_ns, np.int64) - self._start_ns, joints=joints)
        with self._writing():
            write_whole(self._path / "truth.npz", file.getvalue())

    def close(self) -> None:
        """Complete the session if all writes succeeded; safe to call twice. Raises SessionError."""
        self._finish(complete=not self._failed)

    def _finish(self, complete: bool) -> None:
        if self._closed:
            return
        self._closed = True
        with self._writing():
            for part in (self._audio, self._audio_times, self._sounding, self._frame_times):
                part.close()
            self._faults.close()
            if self._video is not None:
                self._video.release()
                self._keep_one_copy(complete)
            if complete:
                self._write_head(complete=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns an OSError into a SessionError, and notes that the session is not whole."""
        # Sound and times may no longer match.
        if self._failed and not self._closed:
            raise SessionError(
                f"{self._path}: an earlier write failed; what was written before loads, "
                "the rest needs a new folder"
            )
        try:
            yield
        except OSError as e:
            self._failed = True
            raise SessionError(
                f"{self._path}: cannot be written ({e}); free space or use another disk; "
                "what was written before loads"
            ) from e

    def _open_video(self, size: tuple[int, int]) -> Any:
        (self._path / "frames").mkdir(exist_ok=True)
        video = cv2.VideoWriter(
            str(self._path / "frames.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), self._fps, size
        )
        if not video.isOpened():
            self._failed = True
            raise SessionError(
                f"{self._path / 'frames.mp4'}: cannot be opened as mp4v video; "
                "free space on the disk, or install opencv-python"
            )
        return video

    def _keep_one_copy(self, complete: bool) -> None:
        """Remove frames/ if the video holds every image, else the video."""
        video = cv2.VideoCapture(str(self._path / "frames.mp4"))
        whole = (
            complete
            and video.isOpened()
            and round(video.get(cv2.CAP_PROP_FRAME_COUNT)) == self._frame_times.rows
        )
        video.release()
        if whole:
            shutil.rmtree(self._path / "frames")
        else:
            (self._path / "frames.mp4").unlink(missing_ok=True)

    def _write_head(self, complete: bool) -> None:
        write_whole(
            self._path / "session.json",
            f"{json.dumps(self._head | {'complete': complete}, indent=1)}\n".encode(),
        )
