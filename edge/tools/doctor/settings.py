"""Checks of the configuration, and of the files that it names."""

from contextlib import suppress
from pathlib import Path

from edge.behaviour.mounting.camera_height import CameraHeight
from edge.behaviour.mounting.kept_height import read_height
from edge.core.calibration_file import load_calibration
from edge.core.config import load_config, state_folder
from edge.core.errors import ConfigError, PosekernelError
from edge.core.inference.execution import execution
from edge.sensor.apply_calibration import VOLUMES_REMEDY, loudness_of, volumes_changed
from edge.sensor.plan import height_file, make_plan, state_problem
from edge.sound.excitation import make_excitation
from edge.tools.doctor.finding import Finding, Scope, attempt, of_problem, split


def configuration(scope: Scope) -> list[Finding]:
    """Whether the configuration can be used."""
    if scope.path is None:
        remedy = "give --config F to check the devices and the broker too"
        return [Finding("config", "warning", "none given", remedy)]
    if not scope.path.exists():
        remedy = "posekernel setup makes one, with sudo that of the service"
        return [Finding("config", "error", f"{scope.path}: no such file", remedy)]
    try:
        load_config(scope.path)
    except PosekernelError as e:
        return [Finding("config", "error", str(e), "mend the named key")]
    return [Finding("config", "ok", str(scope.path))]


def networks(scope: Scope) -> list[Finding]:
    """How the networks will run here."""
    if scope.config is None:
        return []
    return [Finding("networks", "ok", execution(scope.config).as_sentence())]


def calibration(scope: Scope) -> list[Finding]:
    """Whether there is a calibration, whether it fits the rig, and what is weak in it."""
    config = scope.config
    if config is None or not (config.calibration.file or config.source.kind == "device"):
        return []
    if not config.calibration.file:
        found = "none: channels, delay and camera are as the configuration says"
        remedy = "posekernel setup --only calibrate"
        return [Finding("calibration", "warning", found, remedy)]
    path = Path(config.calibration.file)

    def fits() -> str:
        make_plan(config)
        return f"{path} of {load_calibration(path).created} fits this rig"

    finding = attempt("calibration", fits)
    if finding.outcome == "error":
        return [finding]
    weak = [f"{s.name} {s.outcome}" for s in load_calibration(path).steps if s.outcome != "ok"]
    if weak:
        found = f"{finding.found}, but: {', '.join(weak)}"
        remedy = f"do what its steps advise (they stand in {path}), and calibrate again"
        return [Finding("calibration", "warning", found, remedy)]
    return [finding]


def loudness(scope: Scope) -> list[Finding]:
    """Whether it is known how loud the loudspeaker is."""
    config = scope.config
    if config is None or config.source.kind != "device":
        return []
    try:
        known = loudness_of(config)
        changed = volumes_changed(config) if scope.hardware else ""
    except PosekernelError:
        return []  # `calibration` tells
    if changed:
        return [Finding("loudness", "warning", changed, VOLUMES_REMEDY)]
    x, cap = config.excitation, config.sound.limits_dba
    full = known.dba(make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs))
    found = f"{full:.0f} dB(A) +- {known.sigma_db:.0f} at 1 m at {x.level_dbfs:g} dBFS"
    if known.source == "nominal" and cap is None:
        return [Finding("loudness", "ok", f"without a budget in [sound]; never measured: {found}")]
    if known.source == "nominal":
        remedy = "posekernel calibrate --facing 0.5, or --phone-dba with a phone's reading at 1 m"
        return [Finding("loudness", "warning", f"never measured, a guess: {found}", remedy)]
    if cap is not None and full < cap[1] - 3.0:
        found = f"{found}, less than the {cap[1]:g} that sound.peak_dba allows"
        remedy = "turn the loudspeaker or excitation.level_dbfs up and calibrate again, for poses"
        return [Finding("loudness", "warning", found, f"{remedy} as exact as the budget allows")]
    return [Finding("loudness", "ok", found)]


def state(scope: Scope) -> list[Finding]:
    """Whether events and commands can be kept on disk."""
    if scope.config is None or not scope.config.mqtt.enabled:
        return []
    if problem := state_problem(scope.config):
        return [Finding("state folder", "warning", *split(problem))]
    return [Finding("state folder", "ok", str(state_folder(scope.config)))]


def camera_height(scope: Scope) -> list[Finding]:
    """Whether people stood on the floor when the sensor ran; nothing where they did, or where
    nobody has walked about yet.
    """
    config = scope.config
    if config is None or config.source.kind == "replay":
        return []
    path = height_file(config)
    with suppress(ConfigError):  # of a configuration that cannot be used `calibration` tells
        rig = make_plan(config).rig
        try:
            off_m = read_height(path, rig)
        except (OSError, ConfigError) as e:
            found = f"{path} cannot be used ({getattr(e, 'strerror', None) or e})"
            remedy = "ask as the sensor's user; the sensor drops a damaged file as it starts"
            return [Finding("camera height", "warning", found, remedy)]
        as_shown = CameraHeight(rig.camera)
        if off_m is not None:
            as_shown.recall(off_m)
        if as_shown.problem is not None:
            return [of_problem("camera height", as_shown.problem)]
    return []
