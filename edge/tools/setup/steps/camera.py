"""Which camera, and whether it gives images of the size that is needed."""

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import cv2
from msgspec import Meta

from edge.core.config import CameraConfig
from edge.core.errors import DeviceError, EndOfStreamError
from edge.core.profiles import load_board
from edge.core.typed import Strict
from edge.sources.camera.grabber import GrabbedCamera, open_camera
from edge.tools.new_config import FRAME_SIZE, camera_settings
from edge.tools.setup import found, service
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_FIRST_IMAGE_S = 10.0
_MEASURE = "measure it: posekernel calibrate --board (firmware_config/README.md)"
_SIZE = ("width", "height", "fps", "loop")
_Pixels = Annotated[int, Meta(ge=64, le=8192)]


class CameraAnswers(Strict, frozen=True):
    """[camera]. camera: as it is listed, "picamera2:0" or /dev/video0, or the path of a video file.

    width, height: of the images [px]; left out: 640x480, of a file its own. fps: images a second;
    left out: what the computer can take, of a file its own. loop: a file starts again at its end.
    view_deg: the angle that the image covers from side to side; left out: as the driver or a data
    sheet says. Whatever is left out stays as it was where it is the camera of the configuration.
    """

    camera: str
    width: _Pixels | None = None
    height: _Pixels | None = None
    fps: Annotated[float, Meta(ge=0.0, le=240.0)] | None = None
    loop: bool | None = None
    view_deg: Annotated[float, Meta(ge=5.0, le=175.0)] | None = None


class CameraStep:
    """[camera], and the lens in [rig.camera]."""

    name, title, answers = "camera", "Camera", CameraAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """The cameras that are here, else a file."""
        here, problem = ([], "") if given.get("camera") else found.cameras()
        told = [f"{c.model} ({c.value})" for c in here]
        kept = _value(draft)
        values = [c.value for c in here]
        default = kept if kept in values or _is_file(draft) else values[0] if values else None
        missing = ""
        if default is None and not given.get("camera"):
            missing = (
                "no camera was found; check its cable with the power off (a USB camera: plug it "
                "in again), wait five seconds and look again"
            )
            if problem and draft.board != "linux-pc":
                told.append(problem)
        choices = [Choice(c.value, c.model) for c in here]
        if default is not None and default not in values:
            choices.append(Choice(default, "the video file of the configuration"))
        help = "Or the path of a video file, in place of a camera."
        questions = (
            Question(
                "camera", "Which camera", default, "choice", help, tuple(choices), open=True
            ),
            Question(
                "view_deg",
                "How many degrees does its image cover from side to side",
                "",
                "number",
                "Empty: as its driver or a data sheet says. Calibrating the lens measures it.",
            ),
        )  # fmt: skip
        return Asked(questions, tuple(told), missing)

    def settle(self, draft: Draft, answer: CameraAnswers, say: Say) -> list[Judgement]:
        """Take an image."""
        wanted = _settings(answer, draft)
        board = load_board(draft.board or found.this_board()[0])
        settings = camera_settings(board, wanted)
        lens = settings.pop("lens")
        settings |= wanted
        config = CameraConfig(**settings)
        if config.backend == "file" and service.hides(draft, config.device):
            raise AnswerError(
                "camera",
                f"the sensor, a service, may not read in {Path(config.device).parent}; first: "
                f"sudo cp {config.device} /usr/local/share/, and give that one",
            )
        say("an image is taken")
        try:
            with closing(open_camera(config, float(lens["fx"]))) as camera:
                _first_image(camera, config)
                notes, facts = list(camera.notes), camera.facts
        except DeviceError as e:
            raise AnswerError("camera", str(e)) from e
        focal = facts.focal_px(config.width)
        if answer.view_deg is not None:
            focal = config.width / 2.0 / math.tan(math.radians(answer.view_deg) / 2.0)
        if focal is not None:
            lens |= {"fx": round(focal, 1), "fy": round(focal, 1)}
            notes = [note for note in notes if not note.startswith("rig.camera.fx")]
        size = f"{config.width}x{config.height} pixels"
        judged = [Judgement("good", f"{answer.camera} gives images of {size}")]
        if answer.view_deg is None and _same_images(draft, settings):
            lens = {}  # the lens that is configured may have been measured
        elif draft.forget_calibrated("intrinsics", "scale"):
            judged.append(Judgement("usable", "another lens than was calibrated", _MEASURE))
        draft.change({"camera": settings, "rig": {"camera": lens}})
        return [*judged, *(_doubt(note) for note in notes)]


def _first_image(camera: GrabbedCamera, config: CameraConfig) -> None:
    try:
        frame = camera.read(_FIRST_IMAGE_S)
    except EndOfStreamError as e:
        raise DeviceError(str(e)) from e
    if frame is None:
        why = camera.counters.last_error or "it gave no error"
        raise DeviceError(
            f"{config.device or config.backend} opened, but gave no image within "
            f"{_FIRST_IMAGE_S:g} s ({why}); check the cable and other users of the camera"
        )


def _settings(answer: CameraAnswers, draft: Draft) -> dict[str, Any]:
    """Of [camera], what the answer decides. Raises AnswerError."""
    backend, device = _backend(answer.camera)
    settings: dict[str, Any] = {"backend": backend, "device": device, "loop": False}
    settings |= dict(zip(("width", "height"), FRAME_SIZE, strict=True))
    if backend == "file":
        width, height = _file_size(device)
        settings |= {"width": width, "height": height, "fps": 0, "loop": True}
    before = draft.get("camera", {})
    if all(before.get(key) == settings[key] for key in ("backend", "device")):
        settings |= {key: before[key] for key in _SIZE if key in before}
    given = {key: getattr(answer, key) for key in _SIZE}
    return settings | {key: value for key, value in given.items() if value is not None}


def _backend(value: str) -> tuple[str, str]:
    if value.startswith("picamera2:"):
        return "picamera2", value.removeprefix("picamera2:")
    if value.startswith("/dev/"):
        return "v4l2", value
    if not Path(value).is_file():
        raise AnswerError(
            "camera",
            f"found {value!r:.200}, which is no camera and no file; take one that is listed, such "
            "as picamera2:0 or /dev/video0",
        )
    return "file", str(Path(value).absolute())


def _file_size(path: str) -> tuple[int, int]:
    capture = cv2.VideoCapture(path)
    try:
        size = (
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
    finally:
        capture.release()
    return size if min(size) >= 64 else FRAME_SIZE


def _value(draft: Draft) -> str:
    backend, device = draft.get("camera.backend", ""), draft.get("camera.device", "")
    return f"picamera2:{device or 0}" if backend == "picamera2" else str(device)


def _is_file(draft: Draft) -> bool:
    return bool(
        draft.get("camera.backend") == "file" and Path(draft.get("camera.device")).is_file()
    )


def _same_images(draft: Draft, settings: dict[str, Any]) -> bool:
    same = (
        draft.get(f"camera.{k}") == settings[k] for k in ("backend", "device", "width", "height")
    )
    return all(same) and draft.get("rig.camera.fx") is not None


def _doubt(note: str) -> Judgement:
    what, _, remedy = note.partition("; ")
    return Judgement("usable", what, remedy)
