"""A whole calibration: sound, response, empty room, camera and scale, into one file."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from edge import __version__
from edge.core.arrays import Array
from edge.core.calibration_file import (
    FORMAT,
    Calibration,
    RigPart,
    RoomPart,
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
from edge.core.config.geometry import Vector
from edge.core.contracts import ChannelMap
from edge.core.errors import ConfigError, PosekernelError
from edge.core.rig import Camera
from edge.sensor.apply_calibration import calibrated_camera
from edge.sensor.pipeline import Pipeline
from edge.sensor.plan import make_plan
from edge.sound.deconvolution import Correction
from edge.sound.excitation import make_excitation
from edge.sound.room.background import Background
from edge.sources.session.reader import load_session
from edge.tools.calibration.array_check import SoundResult, examine_sound
from edge.tools.calibration.channels import Channels, examine_channels, judge_response
from edge.tools.calibration.charuco import (
    CharucoBoard,
    calibrate_intrinsics,
    mounting_from_board,
    read_image,
    read_images,
)
from edge.tools.calibration.loudness.evidence import loudness_evidence, surer
from edge.tools.calibration.loudness.judge import judge_loudness
from edge.tools.calibration.places import ask, ask_place, at_terminal
from edge.tools.calibration.room_residual import learn_room, watch
from edge.tools.calibration.sample_clock import mean_spectra, measure_clock
from edge.tools.calibration.takes import (
    SoundTake,
    configured_map,
    record_all,
    take_from_device,
    take_from_session,
)
from edge.tools.calibration.walk import check_scale, mounting_from_walk, watch_walk

MOST_PLACES = 6
WIDE_HZ = (300.0, 23000.0)
ROOM_SECONDS = 30.0
_KEPT = ("intrinsics", "mounting", "scale", "loudness")


@dataclass(frozen=True)
class CalibrationRequest:
    """What to calibrate, and from what. config: of the real device; sessions: recordings instead of
    it, one for each place of the loudspeaker, the configured place first. seconds: of each
    recording on the device. board, floor: images of the ChArUco board, and of it on the floor.
    facing_m: for the loudness, the loudspeaker is put so far in front of the array, turned to it.
    phone_dba: what a phone showed 1 m in front of it while it played [dB(A)].
    walk: a session in which one person walks. person_m: standing height of that person. out: the
    file that will be written. may_ask: whoever is at the terminal may be asked to move the
    loudspeaker.
    """

    config: Config | None
    sessions: tuple[Path, ...] = ()
    seconds: float = 10.0
    board: Path | None = None
    floor: Path | None = None
    walk: Path | None = None
    person_m: float | None = None
    pattern: CharucoBoard = field(default_factory=CharucoBoard)
    out: Path | None = None
    facing_m: float | None = None
    phone_dba: float | None = None
    may_ask: bool = True


def calibrate(request: CalibrationRequest, say: Callable[[str], None]) -> Calibration:
    """Everything that was asked for; other camera parts are kept from an earlier file of this rig.

    say: called with what to do next at the device. Raises PosekernelError.
    """
    # First what needs no recording: a wrong path must not cost the engineer one.
    images = read_images(request.board) if request.board is not None else None
    floor = read_image(request.floor) if request.floor is not None else None
    if request.walk is not None:
        load_session(request.walk)

    takes, sound = _sound(request, say)
    first = takes[0]
    channels, wide = _response(request, first, sound, say)
    part = structs.replace(
        sound.as_part(takes),
        carried_hz=_rounded(channels.carried_hz),
        measured_hz=wide.excitation.band_hz,
    )
    result = structs.replace(
        _new(request, first), sound=part, response=channels.response, steps=sound.steps
    )
    result = _with(result, judge_response(channels, wide.excitation.band_hz))
    heard = loudness_evidence(request.config, takes, request.facing_m, request.phone_dba, say)
    loudness, step = judge_loudness(heard)
    result = _with(structs.replace(result, loudness=loudness), step)
    room, step = _room(request, len(takes) > 1 or heard.facing, say)
    result = _with(structs.replace(result, room=room), step)

    camera = first.rig.camera
    if images is not None:
        size = camera.width, camera.height
        intrinsics, step = calibrate_intrinsics(images, request.pattern, size)
        result = _with(structs.replace(result, intrinsics=intrinsics), step)
    result = _with_earlier(result, request.out)
    camera = calibrated_camera(result, camera)
    if floor is not None:
        mounting, step = mounting_from_board(floor, request.pattern, camera)
        result = _with(structs.replace(result, mounting=mounting or result.mounting), step)
    if request.walk is not None:
        result = _walk(request, result, camera, sound)
    return result


def new_calibration(take: SoundTake, map: ChannelMap, device: str, array: str) -> Calibration:
    """An empty calibration of the rig of a take, dated now. map: the device's own channels."""
    rig = RigPart(
        sample_rate_hz=take.excitation.sample_rate_hz,
        channels=map.channels,
        mic_channels=map.mics,
        reference_channel=-1 if map.reference is None else map.reference,
        speakers_m=_vectors(take.rig.speakers),
        mics_m=_vectors(take.rig.mics),
        array=array,
    )
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Calibration(FORMAT, created, __version__, take.source, device, rig)


def _new(request: CalibrationRequest, take: SoundTake) -> Calibration:
    config = request.config
    if config is None:
        return new_calibration(take, take.map, "", "")
    map = configured_map(config, take) if request.sessions else take.map
    return new_calibration(take, map, config.device.id, config.calibration.array)


def _sound(
    request: CalibrationRequest, say: Callable[[str], None]
) -> tuple[list[SoundTake], SoundResult]:
    if request.sessions:
        takes = [take_from_session(path) for path in request.sessions]
        return takes, examine_sound(takes)
    if request.config is None:
        raise ConfigError(
            "nothing to calibrate: give --config for the real device, or --session for a recording"
        )
    say(f"recording {request.seconds:g} s: nobody speaks or moves, please")
    takes = [take_from_device(request.config, None, request.seconds)]
    sound = examine_sound(takes)
    may_ask = request.may_ask and at_terminal()
    while sound.next_sites_m is not None and len(takes) < MOST_PLACES and may_ask:
        place = ask_place(sound.next_sites_m[0])
        if place is None:
            break
        takes.append(take_from_device(request.config, place, request.seconds))
        sound = examine_sound(takes)
    return takes, sound


def _response(
    request: CalibrationRequest, first: SoundTake, sound: SoundResult, say: Callable[[str], None]
) -> tuple[Channels, SoundTake]:
    """On the device over all frequencies that it can play, else over the recording's own band."""
    if request.sessions or request.config is None:
        return sound.channels, first
    x, rate = request.config.excitation, first.excitation.sample_rate_hz
    band = WIDE_HZ[0], min(WIDE_HZ[1], 0.48 * rate)
    excitation = make_excitation(rate, band, x.period_s, x.level_dbfs)
    say(f"recording {request.seconds:g} s from {band[0]:.0f} to {band[1]:.0f} Hz")
    raw, starts = record_all(request.config, excitation, request.seconds)
    wide = replace(first, raw=raw, starts=starts, excitation=excitation)
    return examine_channels(wide, *mean_spectra(wide, measure_clock(wide))), wide


def _room(
    request: CalibrationRequest, moved: bool, say: Callable[[str], None]
) -> tuple[RoomPart | None, Step]:
    path = request.walk or next(iter(request.sessions), None)
    if path is None and moved and at_terminal():
        ask("Put the loudspeaker back to its own place, leave the room, and press Enter. ")
    try:
        plan = make_plan(_plain(request.config, path))
        if path is None:
            say(f"recording the empty room for {ROOM_SECONDS:g} s: nobody in view, please")
        elif plan.session is not None and len(plan.session.frame_times_ns) == 0:
            found = f"{path} has no images: was the room empty?"
            return None, Step("room", "open", found, "record with a camera")
        pipeline = Pipeline(plan.config, plan.rig, plan.excitation)
        source = plan.open()
        try:
            watched = watch(source, pipeline, ROOM_SECONDS)
        finally:
            source.close()
    except PosekernelError as e:
        if path is not None:
            raise
        remedy = "mend the camera (posekernel doctor), then calibrate again"
        return None, Step("room", "open", str(e), remedy)
    d = pipeline.deconvolve
    background = Background(plan.rig, d.sample_rate_hz, d.band_hz, d.window_samples)
    return learn_room(watched, background)


def _walk(
    request: CalibrationRequest, result: Calibration, camera: Camera, sound: SoundResult
) -> Calibration:
    plan, hangs = make_plan(_plain(request.config, request.walk)), calibrated_camera(result, camera)
    correction = Correction(sound.delay_s, tuple(float(10.0 ** (g / 20.0)) for g in sound.gain_db))
    walked = watch_walk(plan, hangs, correction)
    if result.mounting is None or request.floor is None:
        mounting, step = mounting_from_walk(walked, camera, request.person_m)
        result = _with(structs.replace(result, mounting=mounting or result.mounting), step)
        before, hangs = hangs, calibrated_camera(result, camera)
        if hangs != before:
            walked = watch_walk(plan, hangs, correction)
    scale, step = check_scale(walked, hangs)
    return _with(structs.replace(result, scale=scale), step)


def _plain(config: Config | None, path: Path | None) -> Config:
    """The configuration without broker, zones, calibration and saved room; it may replay."""
    base = config or Config(device=DeviceConfig("calibrate"))
    source = SourceConfig("device")
    if path is not None:
        source = SourceConfig("replay", str(path), realtime=False)
    return structs.replace(
        base,
        source=source,
        background=BackgroundConfig(track_drift=base.background.track_drift),
        calibration=CalibrationConfig(),
        mqtt=MqttConfig(enabled=False),
        zones=(),
    )


def _with_earlier(new: Calibration, out: Path | None) -> Calibration:
    """With the camera's parts and steps of an earlier calibration, where not measured again, and
    its loudness where that was surer.
    """
    if out is None or not out.exists():
        return new
    try:
        old = load_calibration(out)
    except ConfigError:
        return new
    if old.rig != new.rig or old.source != new.source:
        return new
    loudness = surer(new.loudness, old.loudness)
    kept = set() if loudness is new.loudness else {"loudness"}
    measured = {s.name for s in new.steps} - kept
    steps = [
        structs.replace(s, found=f"{s.found} [{old.created}]")
        for s in old.steps
        if s.name in _KEPT and s.name not in measured
    ]
    return structs.replace(
        new,
        loudness=loudness,
        intrinsics=new.intrinsics or old.intrinsics,
        mounting=new.mounting or old.mounting,
        scale=new.scale or old.scale,
        steps=(*(s for s in new.steps if s.name in measured), *steps),
    )


def _with(result: Calibration, step: Step) -> Calibration:
    """With this step, in place of one of the same name."""
    steps = (*(s for s in result.steps if s.name != step.name), step)
    return structs.replace(result, steps=steps)


def _rounded(band_hz: tuple[float, float]) -> tuple[float, float]:
    return round(band_hz[0], 1), round(band_hz[1], 1)


def _vectors(points: Array) -> tuple[Vector, ...]:
    return tuple((round(float(x), 5), round(float(y), 5), round(float(z), 5)) for x, y, z in points)
