"""What the sensor may do, decision by decision."""

import json
from datetime import time
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any

import pytest

from edge.__main__ import main
from edge.core.config import Config, DeviceConfig, SensingConfig, SoundConfig
from edge.core.config.sound import MODES
from edge.sensor.permissions import KEEP_ALIVE_PING_S, SEEN_S, Sensing
from tests.support.config_files import GOOD
from tests.support.messages import problems

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")


class Bench:
    """A Sensing whose clocks and camera the test sets, over devices that record calls."""

    def __init__(
        self,
        folder: Path,
        *,
        clock_is_right: bool = True,
        sound: SoundConfig | None = None,
        **sensing: Any,
    ) -> None:
        self.now, self.day = 1000.0, time(12, 0)
        self.muted: bool | None = None
        self.gain, self.camera_open = 1.0, True
        self.continuous: bool | None = None
        self.probes: list[tuple[int, float]] = []
        self.clock_is_right = clock_is_right
        self.published: list[dict[str, Any]] = []
        audio = SimpleNamespace(
            set_muted=lambda m: setattr(self, "muted", m),
            set_gain=lambda g: setattr(self, "gain", g),
            set_continuous=lambda on: setattr(self, "continuous", on),
            probe=lambda periods, gain: self.probes.append((periods, gain)),
            adjustable=False,
        )
        frames = SimpleNamespace(close=lambda: setattr(self, "camera_open", False))
        self.source: Any = SimpleNamespace(audio=audio, frames=frames)
        self.pipeline: Any = SimpleNamespace(
            room=SimpleNamespace(background=SimpleNamespace(ready=True)),
            seen_ns=None,
            silent=False,
            sound_use=SimpleNamespace(limit=lambda limits: setattr(self, "limits", limits)),
        )
        self.limits: tuple[float, float] | None = None
        self.config = Config(
            device=DeviceConfig("hall"),
            sensing=SensingConfig(**sensing),
            sound=sound or SoundConfig(),
        )
        self.path = folder / "control.json"
        self.sensing = Sensing(
            self.config,
            self.path,
            clock=lambda: self.now,
            local_time=lambda: self.day,
            clock_is_right=lambda: self.clock_is_right,
        )
        self.sensing.announce(self.published.append)
        self.off = self.sensing.attach(self.source, self.pipeline)

    def at(self, seconds: float, *, seen: bool = False) -> bool | None:
        """Whether it is muted so long after the start."""
        self.now = 1000.0 + seconds
        self.pipeline.seen_ns = monotonic_ns() if seen else None
        self.sensing.tick()
        return self.muted


def test_it_sounds_while_somebody_is_seen_and_now_and_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_alive_s=60.0)
    assert [bench.at(s) for s in (0.5, KEEP_ALIVE_PING_S + 0.1, 30.0, 59.9)] == [
        False,
        True,
        True,
        True,
    ]
    assert bench.pipeline.silent, "not hearing the sound is no fault now"
    assert [bench.at(s) for s in (60.1, 60.1 + KEEP_ALIVE_PING_S, 121.0)] == [False, True, False]
    assert [bench.at(s, seen=True) for s in (30.0, 150.0)] == [False, False]
    assert not bench.pipeline.silent
    assert {m["speaker"] for m in bench.published} == {"standby", "on"}
    for m in bench.published:
        assert problems("control", m) == []
    assert SEEN_S > 1.0


def test_it_sounds_until_the_empty_room_is_known_and_always_if_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.pipeline.room.background.ready = False
    assert bench.at(30.0) is False
    bench.pipeline.room.background.ready = True
    assert bench.at(30.0) is True
    assert Bench(tmp_path, ping="always").at(30.0) is False


def test_quiet_hours_come_and_go_by_the_clock(tmp_path: Path) -> None:
    bench = Bench(tmp_path, ping="always", quiet_from="22:00", quiet_to="07:00")
    assert bench.at(0.0, seen=True) is False
    bench.day = time(22, 0)
    assert bench.at(1.0, seen=True) is True
    assert bench.camera_open
    assert not bench.off.is_set()
    bench.day = time(7, 0)
    assert bench.at(2.0, seen=True) is False


def test_settings_survive_a_restart_and_the_configured_level_stays_the_cap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.sensing.change(mute=True, level_dbfs=-33.0) is None
    assert bench.gain == pytest.approx(10 ** (-13 / 20))
    assert [(p.name, p.stat().st_mode & 0o777) for p in tmp_path.iterdir()] == [
        ("control.json", 0o600)
    ]
    again = Bench(tmp_path)
    assert again.sensing.permissions == bench.sensing.permissions
    again.sensing.change(sensing=False)
    assert not again.camera_open
    assert again.off.is_set()
    again.path.write_text(json.dumps({"sensing": True, "mute": False, "level_dbfs": 0.0}))
    assert Bench(tmp_path).sensing.permissions.level_dbfs == -20.0


def test_the_loudness_limits_the_sound_and_survives_a_restart(tmp_path: Path) -> None:
    discreet = SoundConfig("discreet")
    bench = Bench(tmp_path, ping="always", sound=discreet)
    assert bench.limits == (35.0, 55.0)
    assert bench.sensing.change(loudness="loud") is None
    assert bench.limits == (60.0, 75.0)
    told = bench.published[-1]
    assert (told["loudness"], told["budget_dba"], told["peak_dba"]) == ("loud", 60.0, 75.0)
    assert Bench(tmp_path, sound=discreet).limits == (60.0, 75.0)
    # Silence is silence, whoever is in view.
    bench.sensing.change(loudness="silent")
    assert bench.at(1.0, seen=True) is True
    assert bench.published[-1]["silent_because"] == "silent mode"
    bench.sensing.change(loudness="discreet")
    assert bench.at(2.0, seen=True) is False
    assert "loudness" not in json.loads(bench.path.read_text())


def test_a_budget_in_place_of_the_loudness_survives_a_restart_and_has_a_limit(
    tmp_path: Path,
) -> None:
    discreet = SoundConfig(mode="discreet")
    bench = Bench(tmp_path, ping="always", sound=discreet)
    for budget, limits in ((41.0, (41.0, 61.0)), (58.0, (58.0, 75.0)), (80.0, (60.0, 75.0))):
        bench.sensing.change(budget_dba=budget)
        assert bench.limits == limits
        told = bench.published[-1]
        assert (told["loudness"], told["budget_dba"]) == ("custom", limits[0])
        assert Bench(tmp_path, sound=discreet).limits == limits
    bench.sensing.change(budget_dba=0.0)
    assert bench.published[-1]["silent_because"] == "silent mode"
    bench.sensing.change(budget_dba=None)
    assert bench.limits == (35.0, 55.0)
    assert "budget_dba" not in json.loads(bench.path.read_text())
    # The modes are the same rule.
    for mode, limits in MODES.items():
        assert discreet.limits_of("discreet", limits[0]) == limits, mode


def test_numbers_and_continuous_sound_are_those_of_the_configuration(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sound=SoundConfig(budget_dba=40.0))
    assert bench.sensing.permissions.loudness == "custom"
    assert bench.limits == (40.0, 60.0)
    bench = Bench(tmp_path, sound=SoundConfig(mode="continuous"))
    assert bench.limits is None
    assert (bench.published[-1]["budget_dba"], bench.published[-1]["peak_dba"]) == (None, None)
    # A file that remembers what is no longer configured gives way to the configuration.
    bench.path.write_text(json.dumps({"loudness": "custom"}))
    assert Bench(tmp_path, sound=SoundConfig(mode="normal")).limits == (45.0, 65.0)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"sensing": 1}', '{"quiet_hours": {"from": "x"}}', '{"other": 1}', "null"],
)
def test_a_damaged_file_leaves_sensing_off_and_says_so(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "control.json").write_text(text)
    bench = Bench(tmp_path)
    assert not bench.sensing.permissions.sensing
    assert not bench.camera_open
    assert "sensing stays off" in caplog.text
    assert bench.sensing.change(sensing=True) is None
    assert Bench(tmp_path).sensing.permissions.sensing


def test_settings_that_cannot_be_kept_hold_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(tmp_path / "file")
    trouble = bench.sensing.change(mute=True)
    assert trouble is not None
    assert "cannot be written" in trouble
    assert bench.muted is True


def test_doctor_leaves_a_sensor_alone_that_is_switched_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(GOOD + f'[mqtt]\nenabled = false\n[runtime]\nstate_dir = "{tmp_path}"\n')
    (tmp_path / "kitchen.control.json").write_text('{"sensing": false}')
    main(["doctor", "--config", str(config), "--json"])
    found = {f["check"]: f for f in json.loads(capsys.readouterr().out)}
    assert found["sound card, camera"]["found"] == "not tried: sensing off"
    assert not {"sound card", "camera"} & set(found)


def test_it_is_silent_until_the_clock_is_known_where_there_are_quiet_hours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A board without a battery starts at any time of day; once right, its clock stays right."""
    hours = {"quiet_from": "22:00", "quiet_to": "07:00", "ping": "always"}
    bench = Bench(tmp_path, clock_is_right=False, **hours)
    assert [bench.at(s) for s in (0.5, 10.0)] == [True, True]
    assert bench.published[-1]["silent_because"] == "quiet hours"
    assert sum("is not synchronised" in r.getMessage() for r in caplog.records) == 1
    bench.clock_is_right = True
    assert bench.at(11.0) is False
    bench.clock_is_right = False
    assert bench.at(12.0) is False
    bench.day = time(23, 0)
    assert bench.at(13.0) is True


def test_without_quiet_hours_the_clock_does_not_matter(tmp_path: Path) -> None:
    assert Bench(tmp_path, clock_is_right=False, ping="always").at(0.5) is False


def test_with_a_budget_nothing_sounds_by_itself_and_no_burst_in_quiet_hours(tmp_path: Path) -> None:
    sound = SoundConfig("discreet")
    bench = Bench(tmp_path, sound=sound, quiet_from="22:00", quiet_to="07:00")
    assert bench.sensing.opens_muted
    bench.source.audio.adjustable = True
    ticks: list[int] = []
    bench.sensing._prober = SimpleNamespace(tick=ticks.append)  # type: ignore[assignment]
    assert bench.at(30.0) is False, "silent by itself, but free to play a burst"
    assert bench.continuous is False
    assert not bench.pipeline.silent
    assert len(ticks) == 1
    bench.day = time(23, 0)
    assert bench.at(31.0, seen=True) is True
    bench.sensing.change(mute=True)
    bench.day = time(12, 0)
    assert bench.at(32.0, seen=True) is True
    assert len(ticks) == 1


def test_continuous_sound_has_no_bursts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sound=SoundConfig(mode="continuous"))
    assert not bench.sensing.opens_muted
    bench.source.audio.adjustable = True
    assert bench.at(0.5, seen=True) is False
    assert bench.continuous is True
    assert bench.probes == []
