"""Checks of what the sensor reads and writes: session, sound card, camera, broker."""

from pathlib import Path

from edge.core.config import Config
from edge.core.errors import DeviceError
from edge.output.mqtt.broker_visit import check
from edge.sensor.kept_permissions import control_file
from edge.sensor.permissions import Sensing
from edge.sensor.plan import make_plan
from edge.sources.alsa.source import AlsaAudio
from edge.sources.camera.grabber import open_camera
from edge.sources.remedies import numbered_camera, numbered_card
from edge.sources.session.reader import load_session
from edge.tools.doctor.finding import Finding, Scope, attempt, split
from edge.tools.doctor.senses import heard_problems, seen_problems


def session(scope: Scope) -> list[Finding]:
    """Whether the session of a replay can be read."""
    config = scope.config
    if config is None or config.source.kind != "replay":
        return []
    return [attempt("session", lambda: _session(config))]


def sound_card_and_camera(scope: Scope) -> list[Finding]:
    """Whether the devices give sound and images; not tried while sensing is off or silent."""
    config = scope.config
    if config is None or config.source.kind == "replay" or not scope.hardware:
        return []
    if why := Sensing(config, control_file(config)).silent_because:
        remedy = "ask again when sensing is on and not silent"
        return [Finding("sound card, camera", "warning", f"not tried: {why}", remedy)]
    plan = attempt("sound card, camera", lambda: make_plan(config).kind)
    if plan.outcome == "error":  # of a calibration's faults settings.calibration tells
        return [] if config.calibration.file else [plan]
    more: list[Finding] = []
    return [
        *_names(config),
        attempt("sound card", lambda: _sound(config, more)),
        *_camera(config, more),
        *more,
    ]


def broker(scope: Scope) -> list[Finding]:
    """Whether the broker answers and lets the sensor publish."""
    config = scope.config
    if config is None or not config.mqtt.enabled:
        return []
    problem = check(config.mqtt, config.device.id)
    if problem is not None:
        return [Finding("broker", "error", problem, "poses are computed all the same")]
    return [Finding("broker", "ok", f"{config.mqtt.host}:{config.mqtt.port}")]


def _session(config: Config) -> str:
    session = load_session(Path(config.source.path))
    return (
        f"{config.source.path}: {session.source}, {session.periods} periods, "
        f"{len(session.frame_times_ns)} frames"
    )


def _sound(config: Config, more: list[Finding]) -> str:
    plan, capture = make_plan(config), config.audio.capture
    audio = AlsaAudio(config.audio, plan.excitation, plan.rig)
    try:
        periods = [p for _ in range(20) if (p := audio.read(0.25)) is not None]
    finally:
        audio.close()
    faults = [p.fault for p in periods]
    more += heard_problems(plan, periods)
    if not faults:
        why = audio.counters.last_error or "no period was completed"
        raise DeviceError(
            f"{capture} gave no sound within 5 s ({why}); check the cable and `arecord -L`"
        )
    good = faults.count("")
    if not good:
        raise DeviceError(
            f"{capture}: no good period ({faults[-1]}); "
            "check loudspeaker, level and reference_channel"
        )
    return f"{capture}: {good} of {len(faults)} periods good"


def _camera(config: Config, more: list[Finding]) -> list[Finding]:
    notes: list[str] = []

    def look() -> str:
        plan = make_plan(config)
        camera = open_camera(config.camera, plan.rig.camera.fx)
        try:
            frame = camera.read(5.0)
            if frame is not None:
                more.extend(seen_problems(config, plan, camera))
        finally:
            camera.close()
        if frame is None:
            why = camera.counters.last_error or "it gave no error"
            raise DeviceError(
                f"{config.camera.backend} opened, but no image came within 5 s ({why}); "
                "check the cable and other users of the camera"
            )
        notes.extend(camera.notes)
        return f"{config.camera.backend}: {frame.image.shape[1]}x{frame.image.shape[0]}"

    finding = attempt("camera", look)
    if finding.outcome == "ok" and notes:
        return [Finding("camera", "warning", *split(note)) for note in notes]
    return [finding]


def _names(config: Config) -> list[Finding]:
    """Names that may mean another sound card or camera after the next start."""
    cards = [card for card in dict.fromkeys((config.audio.capture, config.audio.playback)) if card]
    warnings = [("sound card's name", numbered_card(card)) for card in cards]
    if config.camera.backend == "v4l2":
        warnings.append(("camera's name", numbered_camera(config.camera.device)))
    return [Finding(check, "warning", *split(said)) for check, said in warnings if said]
