"""A configuration's source, geometry, excitation and corrections, before anything is opened."""

from dataclasses import dataclass, replace
from pathlib import Path

from edge.core.config import Config, make_rig, state_folder
from edge.core.contracts import ChannelMap, Source, SourceKind
from edge.core.errors import ConfigError
from edge.core.files import can_write, free_bytes
from edge.core.rig import Rig
from edge.output.mqtt.access import read_password, tls_context
from edge.output.mqtt.outbox import foreign
from edge.output.page.page_password import PagePassword, read_page_password
from edge.sensor.apply_calibration import VOLUMES_REMEDY, apply_calibration, volumes_changed
from edge.sensor.pipeline import Pipeline
from edge.sound.deconvolution import Correction
from edge.sound.excitation import Excitation, make_excitation
from edge.sources.alsa.source import AlsaAudio
from edge.sources.camera.grabber import open_camera
from edge.sources.camera.video_file import check_video
from edge.sources.session.reader import Session, load_session
from edge.sources.session.replay import open_replay

_STATE_BYTES = 4_000_000  # the events of a long outage, the commands, the empty room


@dataclass(frozen=True, slots=True)
class SensorPlan:
    """The source and how to read it. session: None for devices. correction: by calibration.
    page_password: of the live page, None where only codes count.
    """

    config: Config
    rig: Rig
    excitation: Excitation
    session: Session | None = None
    correction: Correction | None = None
    page_password: PagePassword | None = None

    @property
    def kind(self) -> SourceKind:
        """Where the data will come from."""
        return "device" if self.session is None else self.session.source

    @property
    def live(self) -> bool:
        """Whether the source gives data in real time."""
        return self.session is None or self.config.source.realtime

    def open(self, *, muted: bool = False) -> Source:
        """Open the source that `source.kind` names, and never another; its clock starts now. Raises
        PosekernelError.

        muted: a loudspeaker stays silent until it is unmuted.
        """
        config = self.config
        if self.session is not None:
            return open_replay(
                self.session, realtime=config.source.realtime, loop=config.source.loop
            )
        frames = open_camera(config.camera, self.rig.camera.fx)
        try:
            audio = AlsaAudio(config.audio, self.excitation, self.rig, muted=muted)
        except BaseException:
            frames.close()
            raise
        return Source(
            "device",
            audio,
            frames,
            f"{config.audio.capture} + {config.camera.backend}",
            notes=frames.notes,
        )


def prepare(config: Config) -> tuple[SensorPlan, Pipeline]:
    """All that can be known before a device is opened: files, networks, access to the broker.
    `run`, `reload` and `config --check` refuse the same. Raises PosekernelError.
    """
    plan = make_plan(config)
    if plan.session is None and config.camera.backend == "file":
        check_video(config.camera.device)
    if config.mqtt.enabled:
        read_password(config.mqtt)
        if config.mqtt.tls:
            tls_context(config.mqtt)
        if config.mqtt.outbox and (what := foreign(outbox_path(config))):
            raise ConfigError(
                f"mqtt.outbox: {outbox_path(config)} cannot keep events ({what}); name a file that "
                "is not there yet: the sensor makes it"
            )
    if config.web.enabled:
        plan = replace(plan, page_password=read_page_password(config.web.password_file))
    return plan, Pipeline(config, plan.rig, plan.excitation, plan.correction)


def outbox_path(config: Config) -> Path:
    """The file of the events that wait for the broker."""
    return Path(config.mqtt.outbox or state_folder(config) / f"{config.device.id}.outbox")


def height_file(config: Config) -> Path:
    """Where it is kept how far off the floor people stand."""
    return state_folder(config) / f"{config.device.id}.height.json"


def warnings(config: Config, pipeline: Pipeline) -> list[str]:
    """What a start works around, a sentence each."""
    found = [f"{pipeline.room.damaged}; it will be set aside"] if pipeline.room.damaged else []
    if problem := state_problem(config):
        found.append(f"runtime.state_dir: {problem}")
    if changed := volumes_changed(config):
        found.append(f"{changed}: {VOLUMES_REMEDY}")
    return found


def state_problem(config: Config) -> str:
    """Why a restart would forget events and commands, and the remedy; "" where it would not."""
    folder = state_folder(config)
    lost = "so a restart forgets events and commands"
    if not can_write(folder):
        return f"{folder} cannot be written by this user, {lost}; set runtime.state_dir to another"
    if (free := free_bytes(folder)) < _STATE_BYTES:
        left = f"the disk of {folder} is full ({free / 1000:.0f} kB are left)"
        return f"{left}, {lost}; free space there, or set runtime.state_dir to another disk"
    return ""


def make_plan(config: Config) -> SensorPlan:
    """Rig and excitation of the configured source, for replay the session's own, with the
    calibration applied.

    Raises SessionError, or ConfigError, also for a calibration that does not fit.
    """
    session = None
    if config.source.kind == "replay":
        session = load_session(Path(config.source.path))
        rig, excitation = session.rig, session.excitation
        channels = ChannelMap(session.channels, session.mic_channels, session.reference_channel)
    else:
        x, audio = config.excitation, config.audio
        rig = make_rig(config)
        excitation = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
        reference = audio.reference_channel if audio.reference_channel >= 0 else None
        channels = ChannelMap(audio.channels, audio.mic_channels, reference)
    kind = "device" if session is None else session.source
    rig, correction = apply_calibration(config, rig, excitation, channels, kind)
    return SensorPlan(config, rig, excitation, session, correction)
