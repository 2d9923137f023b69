"""Zones are changed through the page: in the file, in the running sensor, or not at all."""

import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import load_config
from edge.output.page import zone_edits
from edge.output.page.requests import PageAnswer, PageRequest
from edge.output.page.zone_edits import ZoneEdits, ZoneFile

TEXT = """\
# ours
device = { id = "hall" }
source = { kind = "replay", path = "edge/sessions/demo" }

[[zones]]
name = "Sofa"
polygon = [[0.0, 2.0], [1.0, 2.0], [1.0, 3.0]]  # the grey one
"""
SOFA = [[0.0, 2.0], [1.0, 2.0], [1.0, 3.0]]
DOOR = [[-1.0, 1.0], [0.0, 1.0], [0.0, 2.0]]


class Running:
    """A configuration file, and the zones that the sensor took over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_text(TEXT)
        self.taken: list[list[str]] = []
        file = ZoneFile(path, lambda zones: self.taken.append([zone.name for zone in zones]))
        self.edits = ZoneEdits(load_config(path).zones, file)

    @property
    def version(self) -> str:
        return str(self.edits.show(PageRequest("127.0.0.1")).content["version"])

    def change(self, **edit: Any) -> PageAnswer:
        content = {"version": self.version, "old": None, "new": None} | edit
        return self.edits.change(PageRequest("127.0.0.1", content=content))


@pytest.fixture
def running(tmp_path: Path) -> Running:
    return Running(tmp_path / "config.toml")


def zone(name: str, polygon: Any = DOOR) -> dict[str, Any]:
    return {"name": name, "polygon": polygon}


def test_a_zone_is_added_renamed_and_removed_in_file_and_sensor(running: Running) -> None:
    answer = running.change(new=zone("Tür 🚪", [[-1.004, 1], [0, 1.0], [0.0, 2.0]]))
    assert answer.status == HTTPStatus.OK
    assert answer.content["zones"] == [zone("Sofa", SOFA), zone("Tür 🚪")]
    assert running.change(old="Sofa", new=zone("Bank", SOFA)).status == HTTPStatus.OK
    assert [z.name for z in load_config(running.path).zones] == ["Bank", "Tür 🚪"]
    assert "# the grey one" in running.path.read_text()
    assert running.change(old="Tür 🚪").status == HTTPStatus.OK
    assert running.change(old="Bank").status == HTTPStatus.OK
    assert running.taken == [["Sofa", "Tür 🚪"], ["Bank", "Tür 🚪"], ["Bank"], []]
    assert running.path.read_text() == TEXT[: TEXT.index("\n[[zones]]")]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ({"new": zone("sofa!")}, r"zones\[1\]\.name: 'sofa!' is too much like 'Sofa'"),
        ({"new": zone("")}, r"zones\[1\]\.name: found ''"),
        ({"new": zone("x" * 41)}, r"at most 40 characters"),
        ({"new": zone("Bed", SOFA[:2])}, r"zones\[1\]\.polygon \(Bed\): found 2 corners"),
        ({"new": zone("Bed", [[0, 0], [2, 2], [2, 0], [0, 2]])}, "the sides .* cross"),
        ({"new": zone("Bed", [[0, 0], [0.01, 0], [0.01, 0.01]])}, r"an area of 0\.000 m2"),
        ({"new": zone("Bed", [[0, 0], [1, 0], [1, 1000]])}, "allowed: -100.0 to 100.0"),
        ({"new": zone("Bed", [[0, 0], [1, 0], [1, "1"]])}, "a number is needed"),
        ({"new": {"name": "Bed"}}, "new.polygon: missing"),
        ({"new": zone("Bed") | {"colour": "red"}}, "colour: no such key"),
        ({"version": 5}, "version: found"),
        ({"more": 1}, "more: no such key"),
    ],
)
def test_what_run_would_refuse_is_a_sentence_and_changes_nothing(
    running: Running, edit: dict[str, Any], told: str
) -> None:
    answer = running.change(**edit)
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    with pytest.raises(ValueError, match=told):
        raise ValueError(answer.content["error"])
    assert (running.path.read_text(), running.taken) == (TEXT, [])


def test_two_pages_at_once_do_not_overwrite_each_other(running: Running) -> None:
    version = running.version
    assert running.change(version=version, new=zone("Bed")).status == HTTPStatus.OK
    late = running.change(version=version, old="Sofa", new=zone("Bank", SOFA))
    assert late.status == HTTPStatus.CONFLICT
    assert "config.toml were changed meanwhile" in late.content["error"]
    assert [z["name"] for z in late.content["zones"]] == ["Sofa", "Bed"]
    version = late.content["version"]
    again = running.change(version=version, old="Sofa", new=zone("Bank", SOFA))
    assert [z["name"] for z in again.content["zones"]] == ["Bank", "Bed"]


def test_what_was_changed_by_hand_elsewhere_in_the_file_stays(running: Running) -> None:
    running.path.write_text(TEXT.replace("# ours", "# mine\ntelemetry = { interval_s = 7.0 }"))
    assert running.change(new=zone("Bed")).status == HTTPStatus.OK
    assert running.path.read_text().startswith("# mine\ntelemetry = { interval_s = 7.0 }\n")
    assert load_config(running.path).telemetry.interval_s == 7.0


def test_zones_that_were_changed_by_hand_are_not_lost_but_taken_over(running: Running) -> None:
    by_hand = TEXT.replace('"Sofa"', '"Couch"')
    running.path.write_text(by_hand)
    late = running.change(old="Sofa")
    assert late.status == HTTPStatus.CONFLICT
    assert running.path.read_text() == by_hand
    assert running.taken == [["Couch"]]
    assert running.change(old="Couch").status == HTTPStatus.OK


def test_a_change_between_reading_and_writing_is_not_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = TEXT + "# mine\n"

    def slow(path: Path) -> None:
        path.write_text(mine)

    monkeypatch.setattr(zone_edits, "_check_writable", slow)
    late = running.change(new=zone("Bed"))
    assert late.status == HTTPStatus.CONFLICT
    assert "was changed at this moment; try again" in late.content["error"]
    assert (running.path.read_text(), running.taken) == (mine, [])
    monkeypatch.undo()
    assert running.change(new=zone("Bed")).status == HTTPStatus.OK
    assert "# mine" in running.path.read_text()


def test_a_mistake_in_the_file_is_named_and_nothing_is_written(running: Running) -> None:
    wrong = TEXT.replace("device", "devise")
    running.path.write_text(wrong)
    answer = running.change(new=zone("Bed"))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "config.toml: devise: no such key; did you mean device?" in answer.content["error"]
    assert (running.path.read_text(), running.taken) == (wrong, [])


def test_a_file_that_is_read_only_or_gone_is_a_sentence(running: Running) -> None:
    running.path.chmod(0o444)
    answer = running.change(new=zone("Bed"))
    assert "config.toml: cannot be read or written (it is read-only)" in answer.content["error"]
    assert (running.path.read_text(), running.taken) == (TEXT, [])
    running.path.unlink()
    answer = running.change(new=zone("Bed"))
    assert "cannot be read or written (No such file or directory)" in answer.content["error"]
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_changes_at_the_same_time_come_one_after_the_other(running: Running) -> None:
    version, answers = running.version, []

    def add(k: int) -> None:
        answers.append(running.change(version=version, new=zone(f"Bed {k}")).status)

    threads = [threading.Thread(target=add, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [HTTPStatus.OK] + [HTTPStatus.CONFLICT] * 7
    assert len(load_config(running.path).zones) == 2
