"""Configuration files: of a device that is not there, and of one on a card of files."""

from pathlib import Path

from edge.sources.session.reader import Session
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto

GOOD = """
[device]
id = "kitchen"
[source]
kind = "device"
[audio]
capture = "hw:1"
channels = 6
mic_channels = [1, 2, 3, 4]
reference_channel = 5
[excitation]
sample_rate_hz = 16000
band_hz = [2000, 7500]
[camera]
backend = "v4l2"
device = "/dev/video0"
width = 640
height = 480
[rig]
speakers_m = [[0.1, 0.05, 0.0]]
mics_m = [[-0.032, 0.05, 0.0], [0.0, 0.018, 0.0], [0.032, 0.05, 0.0], [0.0, 0.082, 0.0]]
temperature_c = 21.5
[rig.camera]
fx = 520.0
fy = 520.0
cx = 320.0
cy = 240.0
height_m = 1.2
tilt_deg = 5.0
"""

REPLAY = """
[device]
id = "a"
[source]
kind = "replay"
path = "{path}"
realtime = false
[mqtt]
host = "127.0.0.1"
port = {port}
"""


def write(tmp_path: Path, text: str) -> Path:
    """The text as config.toml in a folder."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def device_settings(
    session: Session,
    card: AlsaTestDevice,
    *,
    looped: bool = False,
    film: Path | None = None,
    every: int = 1,
) -> str:
    """TOML of a device that hears `card` and sees the session's film, as the session's rig stands.

    looped: the film over and over at a rate that makes its loop as long as that of the sound, so
    that the two stay in phase. film: seen instead of the session's, with each `every`-th image.
    """
    rig, camera, excitation = session.rig, session.rig.camera, session.excitation
    # fps 0: the film's own.
    pace = (
        f"fps = {1e9 * len(session.frame_times_ns) / every / session.span_ns:.6f}\nloop = true"
        if looped
        else "fps = 0"
    )
    return f"""
[audio]
capture = "{card.capture}"
playback = "{card.playback}"
channels = {session.channels}
mic_channels = {list(session.mic_channels)}
reference_channel = {session.reference_channel}
[excitation]
sample_rate_hz = {excitation.sample_rate_hz}
band_hz = {list(excitation.band_hz)}
period_s = {excitation.period_samples / excitation.sample_rate_hz}
level_dbfs = -20
[camera]
backend = "file"
device = "{film or session.path / "frames.mp4"}"
width = {camera.width}
height = {camera.height}
{pace}
[rig]
speakers_m = {rig.speakers.tolist()}
mics_m = {rig.mics.tolist()}
temperature_c = {(rig.speed_of_sound_m_s - 331.3) / 0.606}
[rig.camera]
fx = {camera.fx}
fy = {camera.fy}
cx = {camera.cx}
cy = {camera.cy}
distortion = {list(camera.distortion)}
height_m = {camera.height_m}
tilt_deg = {camera.tilt_deg}
roll_deg = {camera.roll_deg}
"""


def write_config(
    path: Path,
    name: str,
    session: Session,
    card: AlsaTestDevice,
    broker: Mosquitto,
    lifter: str,
    height_prior_m: float,
    *,
    looped: bool = False,
) -> Path:
    """The configuration of a sensor on a card and a session's film, which publishes to a broker.
    looped: see `device_settings`.
    """
    path.write_text(f"""
[device]
id = "{name}"
{device_settings(session, card, looped=looped)}
[lifter]
kind = "{lifter}"
height_prior_m = {height_prior_m}
[mqtt]
host = "127.0.0.1"
port = {broker.port}
""")
    return path
