"""Every wrong key, type, range or combination is one sentence that names the key."""

from pathlib import Path

import pytest

from edge.core.config import load_config, make_rig
from edge.core.errors import ConfigError
from tests.support.config_files import GOOD, write


def test_good_file_loads_with_units_and_defaults(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert config.excitation.period_samples == 1600
    assert config.mqtt.port == 1883
    rig = make_rig(config)
    assert rig.pairs.tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]
    assert rig.speed_of_sound_m_s == pytest.approx(331.3 + 0.606 * 21.5)
    assert rig.camera.height_m == 1.2
    assert config.people.max == 4  # files older than the section say nothing of it
    text = GOOD.replace("[excitation]", "[people]\nmax = 6\n[excitation]")
    assert load_config(write(tmp_path, text)).people.max == 6


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('id = "kitchen"', 'id = "kit chen"', ["device.id", "'kit chen'", "letters"]),
        ('id = "kitchen"', "", ["device.id", "missing"]),
        ('id = "kitchen"', "id = 3", ["device.id", "number 3", "text"]),
        (
            "channels = 6",
            "chanels = 6",
            ["audio.chanels", "did you mean channels?", "mic_channels"],
        ),
        ("channels = 6", 'channels = "6"', ["audio.channels", "text '6'", "whole number"]),
        ("channels = 6", "channels = true", ["audio.channels", "truth value"]),
        ("channels = 6", "channels = 0", ["audio.channels", "found 0", "1 to 64"]),
        ("channels = 6", "channels = 5", ["mic_channels", "reference_channel", "0 to 4"]),
        ("reference_channel = 5", "reference_channel = 4", ["each channel can be used once"]),
        ("mic_channels = [1, 2, 3, 4]", "mic_channels = [1, 2, 3]", ["3 channels", "4 positions"]),
        ("band_hz = [2000, 7500]", "band_hz = [2000, 9000]", ["band_hz", "[2000, 9000]", "8000"]),
        ("band_hz = [2000, 7500]", "band_hz = [2000]", ["band_hz", "1 values", "2 are needed"]),
        (
            "sample_rate_hz = 16000",
            "sample_rate_hz = 16000\nperiod_s = 0.10001",
            ["period_s", "whole number"],
        ),
        (
            "sample_rate_hz = 16000",
            "sample_rate_hz = 16000\nlevel_dbfs = 0.0",
            ["level_dbfs", "-6"],
        ),
        ('backend = "v4l2"', 'backend = "v4l"', ["camera.backend", "'v4l'", "did you mean 'v4l2'"]),
        ('device = "/dev/video0"', "", ["camera.device", "needs it"]),
        ("temperature_c = 21.5", "temperature_c = 210", ["rig.temperature_c", "-30"]),
        ("temperature_c = 21.5", "pairs = [[0, 9]]", ["pairs", "not there"]),
        ("fx = 520.0", "", ["rig.camera.fx", "missing"]),
        ("[rig.camera]", "[rig.camera", ["not valid TOML"]),
        ('kind = "device"', 'kind = "replay"', ["source.path"]),
        ('kind = "device"', 'kind = "simulator"', ["source.kind", "'device', 'replay'"]),
        (
            "temperature_c = 21.5",
            "[mqtt]\nclient_cert = 'a.pem'\n[extra]",
            ["extra", "no such key"],
        ),
        ("[excitation]", "[mqtt]\ntls = true\nclient_cert = 'a.pem'\n[excitation]", ["client_key"]),
        ("[excitation]", "[runtime]\nwindow_s = 0.2\n[excitation]", ["window_s", "0.1 s"]),
        ("[excitation]", "[runtime]\nwindow_s = 0.01\n[excitation]", ["window_s", "max_range_m"]),
        ("[excitation]", "[runtime]\nmax_skew_ms = 100\n[excitation]", ["max_skew_ms", "150"]),
        ("fx = 520.0", "fx = nan", ["rig.camera.fx", "finite"]),
        ("[excitation]", "[people]\nmax = 0\n[excitation]", ["people.max", "found 0", "1 to 6"]),
        ("[excitation]", "[people]\nmax = 7\n[excitation]", ["people.max", "found 7", "1 to 6"]),
        ("[excitation]", "[sound]\nmode = 'quiet'\n[excitation]", ["sound.mode", "'discreet'"]),
        (
            "[excitation]",
            "[sound]\nbudget_dba = 95\n[excitation]",
            ["sound.budget_dba", "found 95", "0.0 to 90.0"],
        ),
        (
            "[excitation]",
            "[sound]\nbudget_dba = 50\npeak_dba = 40\n[excitation]",
            ["sound.peak_dba", "40", "50"],
        ),
        (
            "[excitation]",
            "[sound]\nmode = 'continuous'\npeak_dba = 60\n[excitation]",
            ["sound.mode", "continuous", "leave them out"],
        ),
        ("[excitation]", "[people]\nmax = 2.5\n[excitation]", ["people.max", "whole number"]),
    ],
)
def test_wrong_file_names_the_key(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, GOOD.replace(old, new, 1)))
    message = str(error.value)
    assert "\n" not in message
    for part in ["config.toml", *expected]:
        assert part in message, message


@pytest.mark.parametrize(
    ("section", "limits"),
    [
        ("", None),  # files older than the section say nothing of it
        ("mode = 'silent'", (0.0, 0.0)),
        ("mode = 'discreet'", (35.0, 55.0)),
        ("mode = 'normal'", (45.0, 65.0)),
        ("mode = 'loud'", (60.0, 75.0)),
        ("mode = 'continuous'", None),
        ("budget_dba = 40", (40.0, 60.0)),
        ("peak_dba = 50", (30.0, 50.0)),
        ("mode = 'loud'\nbudget_dba = 50\npeak_dba = 52", (50.0, 52.0)),
        ("budget_dba = 0", (0.0, 0.0)),
    ],
)
def test_a_name_or_numbers_limit_the_sound(tmp_path: Path, section: str, limits) -> None:
    text = GOOD.replace("[excitation]", f"[sound]\n{section}\n[excitation]") if section else GOOD
    sound = load_config(write(tmp_path, text)).sound
    assert sound.limits_dba == limits
    assert sound.use_program_sound
    assert sound.is_custom == ("_dba" in section)


def test_only_listening_needs_a_loopback_and_a_known_room(tmp_path: Path) -> None:
    silent = GOOD.replace("[audio]", '[audio]\nplayback = ""')
    assert silent != GOOD
    with pytest.raises(ConfigError, match="needs background"):
        load_config(write(tmp_path, silent))
    room = '[background]\nsnapshot = "room.npz"\n'
    assert not load_config(write(tmp_path, silent + room)).audio.plays
    with pytest.raises(ConfigError, match="needs sound"):
        load_config(write(tmp_path, silent + room + "[sound]\nuse_program_sound = false\n"))


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(binary)


def test_a_device_without_a_rig_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rig: missing"):
        load_config(write(tmp_path, '[device]\nid = "a"\n'))


def test_a_setting_of_an_earlier_release_is_ignored_with_a_warning(tmp_path: Path, caplog) -> None:
    old = GOOD + '\n[keypoints]\nmodel = "lite"\nmin_confidence = 0.5\nthreads = 2\n'
    assert load_config(write(tmp_path, old)).keypoints.threads == 2
    assert len(caplog.messages) == 2
    assert "keypoints.model is not used any more" in caplog.text
    with pytest.raises(ConfigError, match=r"keypoints\.modle"):
        load_config(write(tmp_path, old.replace("model =", "modle =")))
