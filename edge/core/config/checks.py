"""What no single field of the configuration can know."""

import re

from edge.core.config.audio import ExcitationConfig
from edge.core.config.configuration import Config, make_rig
from edge.core.config.floor_zones import check_zones
from edge.core.errors import ConfigError
from edge.core.rig import speed_of_sound


def check_config(config: Config) -> None:
    """Everything that no single field can know. Raises ConfigError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", config.device.id):
        raise ConfigError(
            f"device.id: found {config.device.id!r}, allowed: 1 to 64 letters, digits, - and _ (it is an MQTT topic level)"
        )
    for key, topic in (
        ("base_topic", config.mqtt.base_topic),
        ("discovery_prefix", config.mqtt.discovery_prefix),
    ):
        if (
            not topic
            or not set(topic).isdisjoint("+#\0")
            or topic.startswith(("/", "$"))
            or topic.endswith("/")
        ):
            raise ConfigError(
                f"mqtt.{key}: found {topic!r}, allowed: an MQTT topic without + and #, no / at its ends"
            )
    if bool(config.mqtt.client_cert) != bool(config.mqtt.client_key):
        raise ConfigError(
            "mqtt.client_cert and mqtt.client_key: one is set without the other, but a certificate needs its key"
        )
    if not config.mqtt.tls and (config.mqtt.ca_file or config.mqtt.client_cert):
        raise ConfigError(
            "mqtt.tls: false, but ca_file or client_cert is set; set tls = true to use them"
        )
    if config.web.enabled and not config.mqtt.enabled:
        raise ConfigError(
            "web.enabled: true, but mqtt.enabled is false; the page shows what the broker carries and needs both"
        )
    if config.web.enabled and not re.fullmatch(
        r"wss?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9/_.-]*)?", config.web.websocket_url
    ):
        raise ConfigError(
            f"web.websocket_url: found {config.web.websocket_url!r}, but the page needs the broker's WebSockets listener, "
            'for example "ws://192.168.1.10:9001/"'
        )
    if config.web.enabled and config.mqtt.format != "json":
        raise ConfigError(
            f'mqtt.format: found {config.mqtt.format!r}, but web.enabled is true and the page reads "json" only'
        )
    check_zones(config.zones)
    try:
        _ = config.sensing.quiet_hours
    except ValueError as e:
        raise ConfigError(f"sensing.quiet_from, sensing.quiet_to: {e}") from e
    _check_excitation(
        config.excitation, config.runtime.window_s, len(config.rig.speakers_m) if config.rig else 1
    )
    if config.runtime.max_skew_ms < 1500.0 * config.excitation.period_s:
        raise ConfigError(
            f"runtime.max_skew_ms: found {config.runtime.max_skew_ms:g}, but with a period of {config.excitation.period_s:g} s "
            f"at least {1500.0 * config.excitation.period_s:g} is needed"
        )
    reach_m = config.runtime.window_s * speed_of_sound(20.0) / 2.0
    if reach_m < config.lifter.max_range_m:
        raise ConfigError(
            f"runtime.window_s: {config.runtime.window_s:g} s reach {reach_m:.1f} m, but lifter.max_range_m is "
            f"{config.lifter.max_range_m:g}"
        )
    if config.source.kind == "replay":
        if not config.source.path:
            raise ConfigError(
                'source.path: missing, but source.kind = "replay" needs the folder of a recorded session'
            )
        return
    if config.rig is None:
        raise ConfigError(
            'rig: missing, but source.kind = "device" needs the positions of speakers, microphones and camera'
        )
    if config.zones and not config.rig.camera.height_m and not config.calibration.file:
        raise ConfigError(
            "zones: they lie on the floor, but without rig.camera.height_m nobody's place on it is known; measure it"
        )
    _check_audio(config)
    make_rig(config)


def _check_excitation(x: ExcitationConfig, window_s: float, speakers: int) -> None:
    low, high = x.band_hz
    if not 50.0 <= low < high <= x.sample_rate_hz / 2:
        raise ConfigError(
            f"excitation.band_hz: found [{low:g}, {high:g}], allowed: 50 <= low < high <= {x.sample_rate_hz / 2:g} "
            "(half of sample_rate_hz)"
        )
    if abs(x.sample_rate_hz * x.period_s - x.period_samples) > 1e-6:
        raise ConfigError(
            f"excitation.period_s: {x.period_s} s is {x.sample_rate_hz * x.period_s:g} samples, but a whole number is needed"
        )
    if window_s * speakers > x.period_s:
        raise ConfigError(
            f"runtime.window_s: {speakers} speaker(s) x {window_s} s do not fit into one period of {x.period_s} s; "
            "lengthen excitation.period_s or shorten window_s"
        )


def _check_audio(config: Config) -> None:
    audio, rig = config.audio, config.rig
    assert rig is not None
    used = [
        *audio.mic_channels,
        *([audio.reference_channel] if audio.reference_channel >= 0 else []),
    ]
    if any(not 0 <= c < audio.channels for c in used):
        raise ConfigError(
            f"audio.mic_channels, audio.reference_channel: found {used}, allowed: 0 to {audio.channels - 1} (audio.channels)"
        )
    if len(set(used)) != len(used):
        raise ConfigError(
            f"audio.mic_channels, audio.reference_channel: found {used}, but each channel can be used once"
        )
    if len(audio.mic_channels) != len(rig.mics_m):
        raise ConfigError(
            f"audio.mic_channels has {len(audio.mic_channels)} channels, but rig.mics_m has {len(rig.mics_m)} positions: "
            "one position per channel is needed"
        )
    if audio.playback_channels < len(rig.speakers_m):
        raise ConfigError(
            f"audio.playback_channels: found {audio.playback_channels}, but rig.speakers_m has {len(rig.speakers_m)} speakers"
        )
    if config.camera.backend in ("v4l2", "gstreamer", "file") and not config.camera.device:
        raise ConfigError(
            f"camera.device: missing, but camera.backend = {config.camera.backend!r} needs it"
        )
