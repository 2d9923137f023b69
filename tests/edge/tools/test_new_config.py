"""Arrays and boards: every allowed pair makes a valid configuration, others do not. One that is
made anew keeps the zones that were drawn on the page of the sensor.
"""

import io
import tomllib
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from edge.__main__ import main
from edge.core.config import ZoneConfig, load_config, make_rig
from edge.core.errors import ConfigError
from edge.core.profiles import FIRMWARE_CONFIG, load_array, load_board, names, pairs
from edge.output.page.zone_text import with_zone, without_zone
from edge.tools.new_config import Place, mic_positions, render_config

SITE = [
    "device.id=hall",
    "place.speaker_m=[0.10, 0.06, 0.0]",
    "mqtt.host=broker.local",
    "rig.camera.height_m=1.4",
]
ONLY_THE_SITE_KNOWS = {
    "audio.capture": "hw:CARD=Device",
    "audio.playback": "hw:CARD=Headphones",
    "audio.channels": "2",
    "audio.mic_channels": "[0, 1]",
    "rig.mics_m": "[[-0.05, 0.0, 0.0], [0.05, 0.0, 0.0]]",
}
REFUSED = {
    ("respeaker-6-mic-circular", "raspberry-pi-5"): "no TDM",
    ("respeaker-4-mic-hat", "raspberry-pi-5"): "no TDM",
    **{
        (f"respeaker-{hat}", "linux-pc"): "it offers no i2s"
        for hat in ("2-mic-hat", "4-mic-hat", "6-mic-circular")
    },
    **{(array, "jetson-orin-nano"): "not supported yet" for array in names("arrays")},
}
ALLOWED = sorted((a, b) for a, b, reason in pairs() if not reason)


def site(array: str) -> list[str]:
    return [*SITE, *(f"{key}={ONLY_THE_SITE_KNOWS[key]}" for key in load_array(array).required)]


@pytest.mark.parametrize(("array", "board"), ALLOWED)
def test_an_allowed_pair_makes_a_whole_valid_configuration(
    array: str, board: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(render_config(array, board, site(array)))
    config = load_config(path)
    profile = load_array(array)
    rig = make_rig(config)
    assert config.device.id == "hall"
    assert config.mqtt.host == "broker.local"
    assert rig.camera.height_m == 1.4
    assert config.camera.backend == load_board(board).camera_backend
    assert len(rig.mics) == (len(profile.mics) or 2)
    if profile.mics:
        apart = np.linalg.norm(rig.mics[0] - rig.mics[1])
        assert apart == pytest.approx(
            np.hypot(*np.subtract(profile.mics[0].position_m, profile.mics[1].position_m)), abs=1e-4
        )
    assert main(["config", "--check", str(path)]) == 0


def test_the_known_pairs_are_refused() -> None:
    assert {(a, b) for a, b, reason in pairs() if reason} == REFUSED.keys()


@pytest.mark.parametrize(("array", "board"), sorted(REFUSED))
def test_a_forbidden_pair_is_refused_with_its_reason(
    array: str, board: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["config", "--array", array, "--board", board]
    for setting in site(array):
        command += ["--set", setting]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert REFUSED[array, board] in said
    assert load_board(board).title in said


def test_the_example_is_what_its_array_and_board_make(tmp_path: Path) -> None:
    example = load_config(FIRMWARE_CONFIG / "example.toml")
    hw = "hw:CARD=ArrayUAC10"
    text = render_config(
        "respeaker-usb-v2",
        "raspberry-pi-5",
        [*SITE, f"audio.capture={hw}", f"audio.playback={hw}", "place.turn_deg=180"],
    )
    (tmp_path / "config.toml").write_text(text)
    made = load_config(tmp_path / "config.toml")
    assert (made.audio, made.excitation) == (example.audio, example.excitation)
    assert made.rig is not None
    assert example.rig is not None
    assert (made.rig.mics_m, made.rig.speakers_m) == (example.rig.mics_m, example.rig.speakers_m)
    assert replace(made.camera, device="") == example.camera


def test_a_mounted_array_is_turned_and_never_mirrored() -> None:
    """Along the face's normal the microphones' order keeps its sense, however mounted."""
    array = load_array("respeaker-6-mic-circular")

    def normal(mics: np.ndarray) -> np.ndarray:
        mics = mics - mics.mean(axis=0)
        return np.cross(mics[0], mics[1])

    for turn in (0.0, 30.0, 200.0):
        facing = mic_positions(array, Place((0.1, 0.0, 0.0), turn_deg=turn))
        flat = mic_positions(array, Place((0.1, 0.0, 0.0), mount="flat", turn_deg=turn))
        in_plane = normal(np.array([[*m.position_m, 0.0] for m in array.mics]))[2]
        np.testing.assert_allclose(
            normal(facing), [0.0, 0.0, in_plane], atol=1e-12
        )  # the face looks forward
        np.testing.assert_allclose(normal(flat), [0.0, -in_plane, 0.0], atol=1e-12)  # and up
    upright = mic_positions(array, Place((0.1, 0.0, 0.0)))
    assert upright[0][1] < 0.06  # y up in the profile is up in the room
    assert upright[4][0] < 0.0  # the person's right is the camera's left


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["device.id"], "key=value is needed"),
        (["device.name=x"], "device.name: no such key"),
        (["place.speaker=[0,0,0]"], "place.speaker: no such key"),
        (["place.mount=upside-down"], "place.mount: found 'upside-down'"),
        (["rig.camera.height_m=high"], "rig.camera.height_m: found the text 'high'"),
        (["rig.temperature_c=nan"], "rig.temperature_c"),
        (["device.id=a b"], "device.id"),
        (["mqtt=3"], "mqtt: found the number 3"),
        (["camera=3"], "camera: found the number 3"),
        (["camera.width=wide"], "camera.width: found the text 'wide'"),
        (["place=3"], "place: found 3"),
        (["audio.channels=4"], "audio.mic_channels, audio.reference_channel"),
    ],
)
def test_a_wrong_setting_is_named(changed: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected.replace("[", r"\[")):
        render_config("respeaker-usb-v2", "raspberry-pi-5", [*SITE, *changed])


def test_what_only_the_site_knows_must_be_given() -> None:
    with pytest.raises(ConfigError, match=r"^device.id, audio.playback, place.speaker_m: missing"):
        render_config("respeaker-4-mic-hat", "raspberry-pi-4", [])


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'respeaker-usb-v2'.*generic-usb"):
        render_config("respeaker-usb", "raspberry-pi-5", SITE)
    with pytest.raises(ConfigError, match=r"board 'pi'.*raspberry-pi-4"):
        render_config("respeaker-usb-v2", "pi", SITE)


def test_settings_are_kept_as_given(tmp_path: Path) -> None:
    out = tmp_path / "config.toml"
    command = [
        "config",
        "--array",
        "respeaker-usb-v2",
        "--board",
        "raspberry-pi-4",
        "--out",
        str(out),
    ]
    for setting in (
        *SITE,
        'mqtt.username=site "1"',
        "zones=[{name = 'sofa', polygon = [[0, 1], [1, 1], [1, 2]]}]",
    ):
        command += ["--set", setting]
    assert main(command) == 0
    table = tomllib.loads(out.read_text())
    assert table["mqtt"]["username"] == 'site "1"'
    assert load_config(out).zones[0].name == "sofa"


MAKE = ["config", "--array", "respeaker-usb-v2", "--board", "raspberry-pi-5"]
HALL = [
    "--set=device.id=hall",
    "--set=place.speaker_m=[0.1, 0.06, 0.0]",
    "--set=rig.camera.height_m=1.4",
]
BED = '--set=zones=[{"name": "Bed", "polygon": [[-1, 1], [1, 1], [1, 2]]}]'  # as the playbook
SOFA = ZoneConfig("Sofa", ((0.0, 2.0), (1.0, 2.0), (1.0, 3.5)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def made(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What the playbook puts in place of the file."""
    assert main([*MAKE, *HALL, *more, "--zones-of", str(file)]) == 0
    return capsys.readouterr().out


def zone_names(file: Path) -> list[str]:
    return [zone.name for zone in load_config(file).zones]


def test_without_a_file_or_zones_in_it_the_settings_hold(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(made(file, capsys, BED))
    assert zone_names(file) == ["Bed"]
    file.write_text(without_zone(file.read_text(), 0))
    file.write_text(made(file, capsys, BED))
    assert zone_names(file) == ["Bed"]


def test_a_zone_that_was_drawn_stays_whatever_else_changes(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(with_zone(made(file, capsys), SOFA))
    file.write_text(made(file, capsys, "--set=mqtt.host=other"))
    assert (zone_names(file), load_config(file).mqtt.host) == (["Sofa"], "other")
    assert load_config(file).zones == (SOFA,)


def test_those_of_the_settings_are_left_out_for_those_of_the_file_with_a_sentence(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(with_zone(without_zone(made(file, capsys, BED), 0), SOFA))
    assert main([*MAKE, *HALL, BED, "--zones-of", str(file), "--out", str(file)]) == 0
    said = capsys.readouterr()
    assert said.err == f"{file} has zones, which are kept: 1 others are left out\n"
    assert zone_names(file) == ["Sofa"]


def test_a_file_that_says_the_same_stays_as_it_is(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(with_zone(made(file, capsys), SOFA) + "# where the cat sleeps\n")
    assert made(file, capsys) == file.read_text()


def test_a_whole_text_from_standard_input_gets_them_too(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = made(file, capsys, BED)
    file.write_text(with_zone(without_zone(text, 0), SOFA))
    for given, told in ((text, ["Sofa"]), ("[device]\nname = 1\n", "device.name")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
        code = main(["config", "--text", "-", "--zones-of", str(file), "--out", str(file)])
        said = capsys.readouterr()
        assert (code, zone_names(file)) == ((0 if told == ["Sofa"] else 2), ["Sofa"])
        assert told == ["Sofa"] or told in said.err


@pytest.mark.parametrize("broken", ["zones = 3\n", "[[zones]\n", "[[zones]]\nname = 'x'\n", "\xff"])
def test_zones_that_cannot_be_read_are_not_lost_but_refused(
    file: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    file.write_bytes(broken.encode("latin-1"))
    assert main([*MAKE, *HALL, "--zones-of", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{file}: its zones cannot be read (" in said.err
    assert "do without --zones-of" in said.err
