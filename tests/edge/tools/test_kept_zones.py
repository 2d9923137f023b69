"""A configuration made anew keeps the zones that were drawn on the page of the sensor."""

import io
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.core.config import ZoneConfig, load_config
from edge.output.page.zone_text import with_zone, without_zone

MAKE = ["config", "--array", "respeaker-usb-v2", "--board", "raspberry-pi-5"]
SITE = [
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
    assert main([*MAKE, *SITE, *more, "--zones-of", str(file)]) == 0
    return capsys.readouterr().out


def names(file: Path) -> list[str]:
    return [zone.name for zone in load_config(file).zones]


def test_without_a_file_or_zones_in_it_the_settings_hold(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(made(file, capsys, BED))
    assert names(file) == ["Bed"]
    file.write_text(without_zone(file.read_text(), 0))
    file.write_text(made(file, capsys, BED))
    assert names(file) == ["Bed"]


def test_a_zone_that_was_drawn_stays_whatever_else_changes(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(with_zone(made(file, capsys), SOFA))
    file.write_text(made(file, capsys, "--set=mqtt.host=other"))
    assert (names(file), load_config(file).mqtt.host) == (["Sofa"], "other")
    assert load_config(file).zones == (SOFA,)


def test_those_of_the_settings_are_left_out_for_those_of_the_file_with_a_sentence(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(with_zone(without_zone(made(file, capsys, BED), 0), SOFA))
    assert main([*MAKE, *SITE, BED, "--zones-of", str(file), "--out", str(file)]) == 0
    said = capsys.readouterr()
    assert said.err == f"{file} has zones, which are kept: 1 others are left out\n"
    assert names(file) == ["Sofa"]


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
        assert (code, names(file)) == ((0 if told == ["Sofa"] else 2), ["Sofa"])
        assert told == ["Sofa"] or told in said.err


@pytest.mark.parametrize("broken", ["zones = 3\n", "[[zones]\n", "[[zones]]\nname = 'x'\n", "\xff"])
def test_zones_that_cannot_be_read_are_not_lost_but_refused(
    file: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    file.write_bytes(broken.encode("latin-1"))
    assert main([*MAKE, *SITE, "--zones-of", str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{file}: its zones cannot be read (" in said.err
    assert "do without --zones-of" in said.err
