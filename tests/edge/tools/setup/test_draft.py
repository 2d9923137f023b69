"""What the setup writes: all or nothing, and nowhere else."""

import os
from pathlib import Path

import pytest

from edge.core.config import load_config
from edge.core.errors import ConfigError
from edge.tools.setup import draft as drafts
from edge.tools.setup.draft import Draft
from tests.support.config_files import GOOD


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    (tmp_path / "config.toml").write_text(GOOD)
    return Draft.open(tmp_path / "config.toml")


def test_what_run_would_refuse_is_not_written(draft: Draft, tmp_path: Path) -> None:
    draft.password = "secret words"
    draft.change({"rig": {"mics_m": [[0.0, 0.06, 0.0]]}})
    with pytest.raises(ConfigError, match=r"^audio.mic_channels has 4 channels, but rig.mics_m"):
        draft.write()
    assert [p.name for p in tmp_path.iterdir()] == ["config.toml"]
    assert (tmp_path / "config.toml").read_text() == GOOD


def test_each_earlier_file_is_kept(draft: Draft, tmp_path: Path) -> None:
    draft.change({"telemetry": {"interval_s": 5.0}})
    draft.password = "secret words"
    draft.write()
    draft.change({"telemetry": {"interval_s": 6.0}})
    draft.write()
    assert len(list(tmp_path.glob("config.toml.*.bak"))) == 2
    config = load_config(tmp_path / "config.toml")
    assert config.telemetry.interval_s == 6.0
    assert config.mqtt.password_file == str(tmp_path / "mqtt-password")
    assert (tmp_path / "mqtt-password").stat().st_mode & 0o777 == 0o600


def test_a_key_is_removed(draft: Draft) -> None:
    draft.change({"sensing": {"quiet_from": "22:00", "quiet_to": "07:00"}})
    draft.change({"sensing": {"quiet_from": None, "quiet_to": None}})
    assert draft.get("sensing") == {}
    assert draft.config().sensing.quiet_hours is None


def test_the_services_state_is_where_doctor_finds_it_too(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft.write()
    assert load_config(draft.path).runtime.state_dir == ""
    monkeypatch.setattr(drafts, "SYSTEM_CONFIG", draft.path)
    monkeypatch.setattr(drafts, "SYSTEM_STATE", tmp_path / "state")
    draft.write()
    assert load_config(draft.path).runtime.state_dir == str(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is led astray by a link")
def test_root_follows_no_link_of_the_service(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "SYSTEM_CONFIG", draft.path)
    monkeypatch.setattr(drafts, "SYSTEM_STATE", tmp_path)
    shadow = tmp_path / "shadow"
    shadow.write_text("root\n")
    (tmp_path / "mqtt-password").symlink_to(shadow)
    draft.password = "secret words"
    with pytest.raises(ConfigError, match="mqtt-password: a link, which root does not follow"):
        draft.write()
    assert shadow.read_text() == "root\n"
    assert draft.path.read_text() == GOOD


def test_a_damaged_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[device\n")
    with pytest.raises(ConfigError, match="mend it, or move it away to begin anew"):
        Draft.open(tmp_path / "config.toml")
