"""A whole calibration: sound, response, empty room, camera and scale, one after the other, into one
file.
"""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np

from edge.core.calibration_file import (
    Calibration,
    ResponsePart,
    RoomPart,
    SoundPart,
    Step,
    load_calibration,
)
from edge.core.config import (
    BackgroundConfig,
    CalibrationConfig,
    Config,
    DeviceConfig,
    MqttConfig,
    SourceConfig,
)
from edge.core.contracts import ChannelMap
from edge.core.errors import ConfigError, PosekernelError
from edge.core.rig import Camera, Rig
from edge.sensor.apply_calibration import calibrated_camera
from edge.sensor.loops import offline_poses
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sound.deconvolution import Correction
from edge.sound.excitation import make_excitation
from edge.sound.room.background import Background
from edge.sources.session.reader import load_session
from edge.tools.calibration.board import (
    Board,
    calibrate_intrinsics,
    mounting_from_board,
    read_image,
    read_images,
)
from edge.tools.calibration.channels import Channels, examine_channels
from edge.tools.calibration.clock_drift import mean_spectra, measure_clock
from edge.tools.calibration.empty_room import learn_room, watch
from edge.tools.calibration.sound_check import SoundResult, examine_sound
from edge.tools.calibration.steps import judge_response
from edge.tools.calibration.takes import (
    SoundTake,
    new_calibration,
    record_all,
    take_from_device,
    take_from_session,
)
from edge.tools.calibration.walk import WatchedLifter, check_scale, mounting_from_walk

MOST_PLACES = 6
WIDE_HZ = (300.0, 23000.0)
ROOM_SECONDS = 30.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to calibrate, and from what. config: of the real device; sessions: recordings instead of
    it, one for each place of the loudspeaker, the configured place first. seconds: of each
    recording on the device. board, floor: images of the ChArUco board, and of it on the floor.
    walk: a session in which one person walks. person_m: standing height of that person.
    """

    config: Config | None
    sessions: tuple[Path, ...] = ()
    seconds: float = 10.0
    board: Path | None = None
    floor: Path | None = None
    walk: Path | None = None
    person_m: float | None = None
    pattern: Board = field(default_factory=Board)
    out: Path | None = None


def calibrate(wanted: Wanted, say: Say) -> Calibration:
    """Everything that was asked for; what an earlier file of the same rig holds and was not asked
    for is kept.
    """
    # First what needs no recording: a wrong folder must not cost the engineer one.
    images = read_images(wanted.board) if wanted.board is not None else None
    floor = read_image(wanted.floor) if wanted.floor is not None else None
    if wanted.walk is not None:
        load_session(wanted.walk)
    takes, sound = _sound(wanted, say)
    first, config = takes[0], wanted.config
    if config is not None and wanted.sessions:
        first = replace(first, map=_configured_map(config, first))
    device = config.device.id if config is not None else ""
    result = new_calibration(first, device, config.calibration.array if config is not None else "")
    result = msgspec.structs.replace(result, sound=_sound_part(takes, sound), steps=sound.steps)
    channels, wide = _response(wanted, first, sound, say)
    result = _with(result, judge_response(channels, _span(wide)))
    assert result.sound is not None
    low, high = channels.carried_hz
    part = msgspec.structs.replace(
        result.sound, carried_hz=(round(low, 1), round(high, 1)), measured_hz=_span(wide)
    )
    result = msgspec.structs.replace(result, sound=part, response=_response_part(channels))
    room, step = _room(wanted, len(takes) > 1, say)
    result = _with(msgspec.structs.replace(result, room=room), step)
    rig = first.rig
    size = rig.camera.width, rig.camera.height
    if images is not None:
        intrinsics, step = calibrate_intrinsics(images, wanted.pattern, size)
        result = _with(msgspec.structs.replace(result, intrinsics=intrinsics), step)
    result = _kept(result, wanted.out)
    camera = calibrated_camera(result, rig.camera)
    if floor is not None:
        mounting, step = mounting_from_board(floor, wanted.pattern, camera)
        result = _with(msgspec.structs.replace(result, mounting=mounting or result.mounting), step)
    if wanted.walk is not None:
        result = _walk(wanted, result, camera, sound)
    return result


def _sound(wanted: Wanted, say: Say) -> tuple[list[SoundTake], SoundResult]:
    if wanted.sessions:
        takes = [take_from_session(path) for path in wanted.sessions]
        return takes, examine_sound(takes)
    if wanted.config is None:
        raise ConfigError(
            "nothing to calibrate: give --config for the real device, or --session for a recording"
        )
    say(f"recording {wanted.seconds:g} s: nobody speaks or moves, please")
    takes = [take_from_device(wanted.config, None, wanted.seconds)]
    sound = examine_sound(takes)
    while sound.next_sites_m is not None and len(takes) < MOST_PLACES and sys.stdin.isatty():
        place = _ask_place(sound.next_sites_m[0])
        if place is None:
            break
        takes.append(take_from_device(wanted.config, place, wanted.seconds))
        sound = examine_sound(takes)
    return takes, sound


def _ask_place(
    asked: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> tuple[float, float, float] | None:
    """Where the engineer has put the loudspeaker, camera frame [m]; None: no more places."""
    text = ", ".join(f"{x:.2f}" for x in asked)
    question = f"Move the loudspeaker to about [{text}] m (camera frame), measure where it stands to 5 mm.\nx, y, z [q = no more]: "
    while True:
        answer = _ask(question)
        if answer.lower() in ("q", ""):
            return None
        try:
            x, y, z = (float(part) for part in answer.replace(",", " ").split())
        except ValueError:
            x = y = z = float("nan")
        if np.isfinite([x, y, z]).all():
            return x, y, z
        question = "three numbers in metres are needed, for example 0.60, -0.05, 0.10: "


def _ask(question: str) -> str:
    """The answer, "" at the end of input (Ctrl-D)."""
    try:
        return input(question).strip()
    except EOFError:
        return ""


def _configured_map(config: Config, take: SoundTake) -> ChannelMap:
    """The device's own channel numbers for a recording of it, which keeps only those that are used.
    Raises ConfigError.
    """
    audio = config.audio
    if len(audio.mic_channels) != len(take.map.mics) or (audio.reference_channel < 0) != (
        take.map.reference is None
    ):
        loopback = "no" if take.map.reference is None else "a"
        raise ConfigError(
            f"{take.description}: {len(take.map.mics)} microphones and {loopback} loopback, but "
            f"audio.mic_channels has {len(audio.mic_channels)} and audio.reference_channel is {audio.reference_channel}: this "
            "recording is of another rig"
        )
    return ChannelMap(
        audio.channels,
        audio.mic_channels,
        audio.reference_channel if audio.reference_channel >= 0 else None,
    )


def _sound_part(takes: list[SoundTake], sound: SoundResult) -> SoundPart:
    g, mics = sound.geometry, takes[0].map.mics
    return SoundPart(
        drift_ppm=round(float(np.nan_to_num(sound.clock.drift_ppm)), 3),
        delay_s=round(sound.delay_s, 8),
        gain_db=_rounded(sound.gain_db),
        deviation_mm=_rounded(g.deviation_mm) if g is not None else (),
        level_dbfs=_rounded(sound.channels.level_db[list(mics)]),
        carried_hz=(0.0, 0.0),
        measured_hz=(0.0, 0.0),
        distance_mm=_rounded(1e3 * g.measured_m[0], 1) if g is not None else (),
        profile_mm=_rounded(1e3 * g.profile_m[0], 1) if g is not None else (),
        places=len(takes),
    )


def _response(
    wanted: Wanted, first: SoundTake, sound: SoundResult, say: Say
) -> tuple[Channels, SoundTake]:
    """On the device over all frequencies that it can play, else over the recording's own band."""
    if wanted.sessions or wanted.config is None:
        return sound.channels, first
    x, rate = wanted.config.excitation, first.excitation.sample_rate_hz
    band = WIDE_HZ[0], min(WIDE_HZ[1], 0.48 * rate)
    excitation = make_excitation(rate, band, x.period_s, x.level_dbfs)
    say(f"recording {wanted.seconds:g} s from {band[0]:.0f} to {band[1]:.0f} Hz")
    raw, starts = record_all(wanted.config, excitation, wanted.seconds)
    wide = replace(first, raw=raw, starts=starts, excitation=excitation)
    return examine_channels(wide, *mean_spectra(wide, measure_clock(wide))), wide


def _response_part(channels: Channels) -> ResponsePart:
    bands = tuple((round(float(a), 1), round(float(b), 1)) for a, b in channels.bands_hz)
    return ResponsePart(bands, tuple(_rounded(row, 1) for row in channels.response_db))


def _room(wanted: Wanted, moved: bool, say: Say) -> tuple[RoomPart | None, Step]:
    path = wanted.walk or next(iter(wanted.sessions), None)
    if path is None and moved and sys.stdin.isatty():
        _ask("Put the loudspeaker back to its own place, leave the room, and press Enter. ")
    try:
        plan = make_plan(_quiet(wanted.config, path))
        if path is None:
            say(f"recording the empty room for {ROOM_SECONDS:g} s: nobody in view, please")
        elif plan.session is not None and len(plan.session.frame_times_ns) == 0:
            return None, Step(
                "room", "open", f"{path} has no images: was the room empty?", "record with a camera"
            )
        pipeline = Pipeline(plan.config, plan.rig, plan.excitation)
        source = plan.open()
        try:
            watched = watch(source, pipeline, ROOM_SECONDS)
        finally:
            source.close()
    except PosekernelError as e:
        if path is not None:
            raise
        return None, Step(
            "room", "open", str(e), "mend the camera (posekernel doctor), then calibrate again"
        )
    heard = pipeline.deconvolve
    background = Background(plan.rig, heard.sample_rate_hz, heard.band_hz, heard.window_samples)
    return learn_room(watched, background)


def _walk(wanted: Wanted, result: Calibration, camera: Camera, sound: SoundResult) -> Calibration:
    plan = make_plan(_quiet(wanted.config, wanted.walk))
    rig: Rig = replace(plan.rig, camera=camera)
    correction = Correction(sound.delay_s, tuple(float(10.0 ** (g / 20.0)) for g in sound.gain_db))
    pipeline = Pipeline(plan.config, rig, plan.excitation, correction)
    pipeline.lift = watched = WatchedLifter(pipeline.lift)
    source = plan.open()
    try:
        for _ in offline_poses(pipeline, source, threading.Event(), lambda _: None):
            pass
    finally:
        source.close()
    if result.mounting is None or wanted.floor is None:
        mounting, step = mounting_from_walk(watched.walked, camera, wanted.person_m)
        result = _with(msgspec.structs.replace(result, mounting=mounting or result.mounting), step)
    scale, step = check_scale(watched.walked, calibrated_camera(result, camera))
    return _with(msgspec.structs.replace(result, scale=scale), step)


def _quiet(config: Config | None, path: Path | None) -> Config:
    """The configuration without broker, calibration and kept background; from a session where a
    path is given.
    """
    base = config or Config(device=DeviceConfig("calibrate"))
    source = (
        SourceConfig("device")
        if path is None
        else SourceConfig("replay", str(path), realtime=False)
    )
    background = BackgroundConfig(track_drift=base.background.track_drift)
    return msgspec.structs.replace(
        base,
        source=source,
        background=background,
        calibration=CalibrationConfig(),
        mqtt=MqttConfig(enabled=False),
        zones=(),
    )


def _kept(new: Calibration, out: Path | None) -> Calibration:
    """With the camera's parts and their steps of an earlier calibration of the same rig, where they
    were not made anew.
    """
    if out is None or not out.exists():
        return new
    try:
        old = load_calibration(out)
    except ConfigError:
        return new
    if old.rig != new.rig or old.source != new.source:
        return new
    parts = {
        "intrinsics": new.intrinsics or old.intrinsics,
        "mounting": new.mounting or old.mounting,
        "scale": new.scale or old.scale,
    }
    have = {s.name for s in new.steps}
    steps = [
        msgspec.structs.replace(s, found=f"{s.found} [{old.created}]")
        for s in old.steps
        if s.name in parts and s.name not in have
    ]
    return msgspec.structs.replace(new, **parts, steps=(*new.steps, *steps))


def _with(result: Calibration, step: Step) -> Calibration:
    """With this step, in place of one of the same name."""
    return msgspec.structs.replace(
        result, steps=(*(s for s in result.steps if s.name != step.name), step)
    )


def _span(take: SoundTake) -> tuple[float, float]:
    return take.excitation.band_hz


def _rounded(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], digits: int = 2
) -> tuple[float, ...]:
    return tuple(round(float(v), digits) for v in values)
