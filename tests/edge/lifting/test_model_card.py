"""A model's card describes its files, and no file runs that it does not describe."""

import hashlib
import json
from pathlib import Path

import pytest

from edge.core.errors import ModelError
from edge.lifting.lifter import MODELS
from edge.lifting.model_card import load_card
from edge.lifting.network_lifter import NetworkLifter
from tests.support.bodies import compact_rig, seen
from tests.support.scenes.lifted_people import INT8, one, people

VISION = "lifter_vision.tflite"


def test_the_shipped_files_are_those_on_the_card() -> None:
    card = json.loads((MODELS / "lifter_ray.json").read_text())
    for entry in card["files"].values():
        content = (MODELS / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert sum(entry["bytes"] for entry in card["files"].values()) < 8e6
    assert {"training", "figures", "limits", "commit", "licence"} <= set(card)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "not a lifter's card"),
        ("[1]", "found a list of 1"),
        ('{"format": "posekernel-lifter", "version": 9}', "version 9"),
        ('{"format": "posekernel-lifter", "version": 2, "form": "rays"}', "did you mean 'ray'"),
    ],
)
def test_a_wrong_card_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    card = tmp_path / "lifter_ray.json"
    if content is not None:
        card.write_text(content)
    with pytest.raises(ModelError, match=message):
        load_card(card)


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A model and its card from elsewhere, without SHA256SUMS."""
    for name in (INT8.name, VISION, "lifter_ray.json"):
        (tmp_path / name).write_bytes((MODELS / name).read_bytes())
    return tmp_path / INT8.name


def test_a_foreign_model_runs_where_its_card_describes_it(foreign: Path) -> None:
    assert one(NetworkLifter(foreign), seen(people()[0]), None, compact_rig()) is not None


@pytest.mark.parametrize("name", [INT8.name, VISION])
def test_a_foreign_model_that_its_card_does_not_describe_is_refused(
    foreign: Path, name: str
) -> None:
    """Another network of the right form, or one changed bit, would give nonsense."""
    exchanged = foreign.with_name(name)
    content = bytearray(exchanged.read_bytes())
    content[len(content) // 2] ^= 1
    exchanged.write_bytes(content)
    with pytest.raises(
        ModelError, match=rf"{name}: found SHA-256 .* its card needs .* install it again"
    ):
        NetworkLifter(foreign)


def test_a_model_that_its_card_does_not_name_is_refused(foreign: Path) -> None:
    card = foreign.with_name("lifter_ray.json")
    data = json.loads(card.read_text())
    del data["files"]["int8"]
    card.write_text(json.dumps(data))
    with pytest.raises(ModelError, match=rf"lifter_ray\.json: describes .* but not {INT8.name}"):
        NetworkLifter(foreign)


def test_a_card_reaches_no_file_elsewhere(foreign: Path) -> None:
    card = foreign.with_name("lifter_ray.json")
    data = json.loads(card.read_text())
    data["files"]["vision"]["name"] = "../" + VISION
    card.write_text(json.dumps(data))
    with pytest.raises(ModelError, match="do not lie beside it"):
        NetworkLifter(foreign)
