"""What is wrong with this installation, and how to mend it: one row per check, worst outcome as the
exit code.
"""

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from edge.core.config import (
    Config,
    KeypointsConfig,
    LifterConfig,
    load_config,
    state_folder,
)
from edge.core.errors import DeviceError, PosekernelError
from edge.core.inference.execution import execution
from edge.lifting.lifter import MODELS
from edge.sensor.permissions import Sensing, control_file

Outcome = Literal["ok", "warning", "error"]
PACKAGES = ("numpy", "scipy", "numba", "rocket-fft", "opencv-python-headless", "paho-mqtt")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. remedy: what to do, "" when all is well."""

    check: str
    outcome: Outcome
    found: str
    remedy: str = ""


def examine(
    config_path: Path | None, hardware: bool = True, self_test: bool = False
) -> list[Finding]:
    """Run every check that applies; a check that fails never hides the next one.

    hardware False: skip sound card and camera. self_test: measure the poses of the shipped session,
    too.
    """
    findings = [_python(), *_packages(), *_models(), _numba_cache()]
    if self_test and config_path is None:
        findings.append(_attempt("poses", lambda: _poses(KeypointsConfig(), LifterConfig())))
    if config_path is None:
        return [
            *findings,
            Finding(
                "config",
                "warning",
                "none given",
                "give --config F to check the devices and the broker too",
            ),
        ]
    try:
        config = load_config(config_path)
    except PosekernelError as e:
        return [*findings, Finding("config", "error", str(e), "mend the named key")]
    findings += [
        Finding("config", "ok", str(config_path)),
        Finding("networks", "ok", execution(config).as_sentence()),
    ]
    if config.calibration.file or config.source.kind == "device":
        findings.append(_calibration(config))
    if self_test:
        findings.append(_attempt("poses", lambda: _poses(config.keypoints, config.lifter)))
    if config.mqtt.enabled:
        findings.append(_state(state_folder(config)))
    if config.source.kind == "replay":
        findings.append(_attempt("session", lambda: _session(config)))
    elif hardware and (why := Sensing(config, control_file(config)).silent_because):
        findings.append(
            Finding(
                "sound card, camera",
                "warning",
                f"not tried: {why}",
                "ask again when sensing is on and not silent",
            )
        )
    elif hardware:
        findings += [
            _attempt("sound card", lambda: _sound(config)),
            _attempt("camera", lambda: _camera(config)),
        ]
    if config.mqtt.enabled:
        findings.append(_broker(config))
    return findings


def table(findings: list[Finding]) -> str:
    """The findings as aligned text; remedies on lines of their own."""
    width = max(len(f.check) for f in findings)
    lines = []
    for f in findings:
        lines.append(f"{f.outcome.upper():<8} {f.check:<{width}}  {f.found}")
        if f.remedy:
            lines.append(f"{'':<8} {'':<{width}}  -> {f.remedy}")
    return "\n".join(lines)


def as_dicts(findings: list[Finding]) -> list[dict[str, str]]:
    """The findings for `--json`."""
    return [asdict(f) for f in findings]


def exit_code(findings: list[Finding]) -> int:
    """0 all well (warnings included), 1 when anything is an error."""
    return int(any(f.outcome == "error" for f in findings))


def _attempt(check: str, work: Callable[[], str]) -> Finding:
    try:
        return Finding(check, "ok", work())
    except PosekernelError as e:
        found, _, remedy = str(e).partition("; ")
        return Finding(check, "error", found, remedy or "see the message")
    except Exception as e:  # one broken driver must not hide the other findings
        return Finding(
            check,
            "error",
            f"{type(e).__name__}: {e}",
            "this is a fault of a driver or of posekernel: report it",
        )


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.machine()}")


def _packages() -> list[Finding]:
    findings = []
    for name in PACKAGES:
        try:
            findings.append(Finding(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            # JetPack and Raspberry Pi OS bring OpenCV as a system package under another name.
            if name == "opencv-python-headless" and importlib.util.find_spec("cv2"):
                findings.append(Finding(name, "ok", "the system's cv2"))
            else:
                findings.append(Finding(name, "error", "not installed", f"pip install {name}"))
    return findings


def _models() -> list[Finding]:
    findings = []
    for path in sorted(MODELS.glob("*.tflite")):
        findings.append(_attempt(f"model {path.name}", partial(_load, path)))
    return findings or [Finding("models", "error", f"none in {MODELS}", "reinstall posekernel")]


def _load(path: Path) -> str:
    from edge.core.inference.tflite import Model

    return f"loads with {Model(path, 1).runtime}"


def _poses(keypoints: KeypointsConfig, lifter: LifterConfig) -> str:
    from edge.tools.self_test import self_test

    return self_test(keypoints, lifter)


def _numba_cache() -> Finding:
    where = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parents[2] / "__pycache__")
    probe = where if where.exists() else where.parent
    if os.access(probe, os.W_OK):
        return Finding("compiler cache", "ok", str(where))
    return Finding(
        "compiler cache",
        "warning",
        f"{where} is not writable",
        "set NUMBA_CACHE_DIR to a writable folder: start-up is slow",
    )


def _state(folder: Path) -> Finding:
    probe = folder
    while not probe.exists():
        probe = probe.parent
    if probe.is_dir() and os.access(probe, os.W_OK):
        return Finding("state folder", "ok", str(folder))
    return Finding(
        "state folder",
        "warning",
        f"{folder} cannot be written by this user",
        "set runtime.state_dir: otherwise a restart forgets events and commands",
    )


def _calibration(config: Config) -> Finding:
    from edge.core.calibration_file import load_calibration
    from edge.sensor.plan import make_plan

    if not config.calibration.file:
        remedy = "posekernel calibrate --config F --out C, then set calibration.file to C"
        return Finding(
            "calibration",
            "warning",
            "none: channels, delay and camera are as the configuration says",
            remedy,
        )
    path = Path(config.calibration.file)

    def fits() -> str:
        make_plan(config)
        return f"{path} of {load_calibration(path).created} fits this rig"

    told = _attempt("calibration", fits)
    if told.outcome == "error":
        return told
    if weak := [f"{s.name} {s.outcome}" for s in load_calibration(path).steps if s.outcome != "ok"]:
        remedy = f"do what its steps advise (they stand in {path}), and calibrate again"
        return Finding("calibration", "warning", f"{told.found}, but: {', '.join(weak)}", remedy)
    return told


def _session(config: Config) -> str:
    from edge.sources.session.reader import load_session

    session = load_session(Path(config.source.path))
    return f"{config.source.path}: {session.source}, {session.periods} periods, {len(session.frame_times_ns)} frames"


def _sound(config: Config) -> str:
    from edge.sensor.plan import make_plan
    from edge.sources.alsa.stream import AlsaAudio

    plan = make_plan(config)
    audio = AlsaAudio(config.audio, plan.excitation, plan.rig)
    try:
        faults = [p.fault for _ in range(20) if (p := audio.read(0.25)) is not None]
    finally:
        audio.close()
    if not faults:
        why = audio.counters.last_error or "no period was completed"
        raise DeviceError(
            f"{config.audio.capture} gave no sound within 5 s ({why}); check the cable and `arecord -L`"
        )
    good = faults.count("")
    if not good:
        raise DeviceError(
            f"{config.audio.capture}: no good period ({faults[-1]}); check loudspeaker, level and reference_channel"
        )
    return f"{config.audio.capture}: {good} of {len(faults)} periods good"


def _camera(config: Config) -> str:
    from edge.sources.camera.grabber import open_camera

    camera = open_camera(config.camera)
    try:
        frame = camera.read(5.0)
    finally:
        camera.close()
    if frame is None:
        raise DeviceError(
            f"{config.camera.backend} opened, but no image came within 5 s; check the cable and other users of the camera"
        )
    return f"{config.camera.backend}: {frame.image.shape[1]}x{frame.image.shape[0]}"


def _broker(config: Config) -> Finding:
    from edge.output.mqtt.broker_visit import check

    where = f"{config.mqtt.host}:{config.mqtt.port}"
    problem = check(config.mqtt, config.device.id)
    return (
        Finding("broker", "ok", where)
        if problem is None
        else Finding("broker", "error", problem, "poses are computed all the same")
    )
