"""What no single field of the configuration can know."""

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge.core.config.audio import AudioConfig, ExcitationConfig
from edge.core.config.floor_zones import check_zones
from edge.core.config.geometry import RigConfig
from edge.core.config.messaging import MqttConfig, WebConfig
from edge.core.config.sections import Config, make_rig
from edge.core.config.sound import SoundConfig
from edge.core.errors import ConfigError
from edge.core.plausibility import band_problem, rig_problem
from edge.core.rig import speed_of_sound


def check_config(config: Config, file: Path | None = None) -> None:
    """Raises ConfigError with the first problem. file: which the configuration is from."""
    check_zones(config.zones)
    for problem in _overwritten(config, file):
        raise ConfigError(problem)
    for problem in _problems(config):
        raise ConfigError(problem)
    if config.source.kind == "device" and (problem := rig_problem(make_rig(config), one_card=True)):
        raise ConfigError(problem)


def _problems(config: Config) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", config.device.id):
        yield (
            f"device.id: found {config.device.id!r}, allowed: 1 to 64 letters, digits, - and _ "
            "(it is an MQTT topic level)"
        )
    yield from _mqtt(config.mqtt)
    if config.web.enabled:
        yield from _web(config.web, config.mqtt)
    if config.osc.enabled and not _is_host(config.osc.host):
        yield (
            f"osc.host: found {config.osc.host!r:.80}, but the name or address of the avatar "
            'program\'s machine is needed, such as "192.168.1.20"; osc.port is a key of its own'
        )
    try:
        _ = config.sensing.quiet_hours
    except ValueError as e:
        yield f"sensing.quiet_from, sensing.quiet_to: {e}"
    yield from _sound(config.sound)
    rig, window_s = config.rig, config.runtime.window_s
    yield from _excitation(config.excitation, window_s, len(rig.speakers_m) if rig else 1)
    period_s, skew_ms = config.excitation.period_s, config.runtime.max_skew_ms
    if skew_ms < 1500.0 * period_s:
        yield (
            f"runtime.max_skew_ms: found {skew_ms:g}, but with a period of {period_s:g} s at least "
            f"{1500.0 * period_s:g} is needed"
        )
    reach_m, range_m = window_s * speed_of_sound(20.0) / 2.0, config.lifter.max_range_m
    if reach_m < range_m:
        yield (
            f"runtime.window_s: {window_s:g} s reach {reach_m:.1f} m, but lifter.max_range_m is "
            f"{range_m:g}"
        )
    if config.source.kind == "replay":
        if not config.source.path:
            yield (
                'source.path: missing, but source.kind = "replay" needs the folder of a recorded '
                "session"
            )
    elif rig is None:
        yield (
            'rig: missing, but source.kind = "device" needs the positions of speakers, microphones '
            "and camera"
        )
    else:
        yield from _device(config, rig)


def _overwritten(config: Config, file: Path | None) -> Iterator[str]:
    """Files that a sensor would write, or set aside as damaged, and that are of another use."""
    mqtt, camera = config.mqtt, config.camera
    written = {
        "mqtt.outbox": mqtt.outbox,
        "background.snapshot": config.background.snapshot,
        "web.password_file": config.web.password_file,
    }
    used = {
        "calibration.file": config.calibration.file,
        "mqtt.password_file": mqtt.password_file,
        "mqtt.ca_file": mqtt.ca_file,
        "mqtt.client_cert": mqtt.client_cert,
        "mqtt.client_key": mqtt.client_key,
        "camera.device": camera.device if camera.backend == "file" else "",
        "the configuration itself": str(file or ""),
    }
    users: dict[str, str] = {}
    for key, path in (used | written).items():
        user = users.setdefault(os.path.realpath(path), key) if path else key
        if user != key and key in written:
            yield (
                f"{key}: found {path!r:.80}, which is {user}, too, and would be written over; give "
                "it a file of its own"
            )


def _mqtt(mqtt: MqttConfig) -> Iterator[str]:
    for key, topic in (
        ("base_topic", mqtt.base_topic),
        ("discovery_prefix", mqtt.discovery_prefix),
    ):
        at_an_end = topic.startswith(("/", "$")) or topic.endswith("/")
        allowed = topic.isprintable() and set(topic).isdisjoint("+#")
        if not 1 <= len(topic) <= 200 or at_an_end or not allowed:
            yield (
                f"mqtt.{key}: found {topic!r:.80}, allowed: an MQTT topic of 1 to 200 printable "
                "characters without + and #, no / at its ends"
            )
    if mqtt.enabled and not _is_host(mqtt.host):
        # The whole of it may hold a password.
        found = "nothing" if not mqtt.host else "a URL" if "://" in mqtt.host else "another text"
        yield (
            f"mqtt.host: found {found}, but only the broker's name or address is needed, such as "
            '"192.168.1.10"; mqtt.port, mqtt.tls, mqtt.username and mqtt.password_file are keys of '
            "their own"
        )
    if not mqtt.username.isprintable():
        yield f"mqtt.username: found {mqtt.username!r:.80}, allowed: printable characters"
    if bool(mqtt.client_cert) != bool(mqtt.client_key):
        yield (
            "mqtt.client_cert and mqtt.client_key: one is set without the other, but a certificate "
            "needs its key"
        )
    if not mqtt.tls and (mqtt.ca_file or mqtt.client_cert):
        yield "mqtt.tls: false, but ca_file or client_cert is set; set tls = true to use them"


def _is_host(text: str) -> bool:
    """Whether a text is the name or the IP address of a machine, and nothing else."""
    with suppress(ValueError):
        ipaddress.ip_address(text)
        return True
    return len(text) <= 253 and re.fullmatch(r"[\w-]+(\.[\w-]+)*\.?", text) is not None


def _web(web: WebConfig, mqtt: MqttConfig) -> Iterator[str]:
    if not mqtt.enabled:
        yield (
            "web.enabled: true, but mqtt.enabled is false; the page shows what the broker carries "
            "and needs both"
        )
    if not re.fullmatch(r"wss?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9/_.-]*)?", web.websocket_url):
        yield (
            f"web.websocket_url: found {web.websocket_url!r}, but the page needs the broker's "
            'WebSockets listener, for example "ws://192.168.1.10:9001/"'
        )
    if mqtt.format != "json":
        yield (
            f"mqtt.format: found {mqtt.format!r}, but web.enabled is true and the page reads "
            '"json" only'
        )


def _sound(sound: SoundConfig) -> Iterator[str]:
    if sound.is_custom and sound.chosen in ("silent", "continuous"):
        yield (
            f'sound.mode: found "{sound.chosen}" with budget_dba or peak_dba, but it takes none: '
            'leave them out, or set sound.mode to "discreet", "normal" or "loud"'
        )
    budget, peak = sound.limits_dba or (0.0, 0.0)
    if peak < budget:
        yield (
            f"sound.peak_dba: found {peak:g} dB(A) below the average budget_dba of {budget:g}; a "
            "probe must be at least as loud"
        )


def _excitation(x: ExcitationConfig, window_s: float, speakers: int) -> Iterator[str]:
    low, high = x.band_hz
    if not 50.0 <= low < high <= x.sample_rate_hz / 2:
        yield (
            f"excitation.band_hz: found [{low:g}, {high:g}], allowed: 50 <= low < high <= "
            f"{x.sample_rate_hz / 2:g} (half of sample_rate_hz)"
        )
    if problem := band_problem(x.band_hz):
        yield f"excitation.{problem}"
    samples = x.sample_rate_hz * x.period_s
    if abs(samples - x.period_samples) > 1e-6:
        yield (
            f"excitation.period_s: {x.period_s} s is {samples:g} samples, but a whole number is "
            "needed"
        )
    if window_s * speakers > x.period_s:
        yield (
            f"runtime.window_s: {speakers} speaker(s) x {window_s} s do not fit into one period of "
            f"{x.period_s} s; lengthen excitation.period_s or shorten window_s"
        )


def _device(config: Config, rig: RigConfig) -> Iterator[str]:
    if config.zones and not rig.camera.height_m and not config.calibration.file:
        yield (
            "zones: they lie on the floor, but without rig.camera.height_m nobody's place on it is "
            "known; measure it"
        )
    yield from _channels(config.audio, rig)
    if not config.audio.plays:
        yield from _listens_only(config)
    backend, device = config.camera.backend, config.camera.device
    if backend in ("v4l2", "gstreamer", "file") and not device:
        yield f"camera.device: missing, but camera.backend = {backend!r} needs it"
    if backend == "picamera2" and device and not device.isdigit():
        yield (
            f"camera.device: found {device!r:.80}, but picamera2 needs the camera's number, "
            'usually "0"'
        )


def _listens_only(config: Config) -> Iterator[str]:
    needed = {
        "audio.reference_channel, the loopback of what is played": (
            config.audio.reference_channel >= 0
        ),
        "sound.use_program_sound = true": config.sound.use_program_sound,
        "background.snapshot, the empty room of a run that could play": (
            config.background.snapshot != ""
        ),
    }
    for what, there in needed.items():
        if not there:
            yield (
                f'audio.playback: "", so that only the sound of other programs is listened to, '
                f"but that needs {what}; set it, or name a playback device"
            )


def _channels(audio: AudioConfig, rig: RigConfig) -> Iterator[str]:
    used = [*audio.mic_channels]
    if audio.reference_channel >= 0:
        used.append(audio.reference_channel)
    found = f"audio.mic_channels, audio.reference_channel: found {used}"
    if any(not 0 <= c < audio.channels for c in used):
        yield f"{found}, allowed: 0 to {audio.channels - 1} (audio.channels)"
    if len(set(used)) != len(used):
        yield f"{found}, but each channel can be used once"
    if len(audio.mic_channels) != len(rig.mics_m):
        yield (
            f"audio.mic_channels has {len(audio.mic_channels)} channels, but rig.mics_m has "
            f"{len(rig.mics_m)} positions: one position per channel is needed"
        )
    if audio.playback_channels < len(rig.speakers_m):
        yield (
            f"audio.playback_channels: found {audio.playback_channels}, but rig.speakers_m has "
            f"{len(rig.speakers_m)} speakers"
        )
