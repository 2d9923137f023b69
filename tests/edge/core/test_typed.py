"""Each mistake is one sentence: where it is, what was found, what is allowed."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from edge.core.errors import ConfigError
from edge.core.typed import Strict, as_toml, convert, parse_json, parse_toml


class Leaf(Strict, frozen=True):
    number: Annotated[float, Meta(ge=0.0, le=10.0)] = 1.0
    word: Literal["red", "green"] = "red"
    either: Annotated[int, Meta(ge=1)] | Literal["auto"] = "auto"
    points: tuple[tuple[float, float], ...] = ()
    name: Annotated[str, Meta(min_length=1, max_length=8)] = "x"
    maybe: int | None = None


class Root(Strict, frozen=True):
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    by_name: dict[str, Leaf] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "leaf: missing, but needed (a table of keys)"),
        ([], "the file: found a list of 0, but a table of keys is needed"),
        ({"leaf": 3}, "leaf: found the number 3, but a table of keys is needed"),
        ({"leaf": {"number": 11}}, "leaf.number: found 11, allowed: 0.0 to 10.0"),
        ({"leaf": {"number": "1"}}, "leaf.number: found the text '1', but a number is needed"),
        ({"leaf": {"number": float("nan")}}, "leaf.number: found nan, but a finite number is"),
        (
            {"leaf": {"word": "gren"}},
            "leaf.word: found 'gren' (did you mean 'green'?), allowed: 'green', 'red'",
        ),
        ({"leaf": {"word": 1}}, "leaf.word: found the number 1, but a text in quotes is needed"),
        ({"leaf": {"either": 0}}, 'leaf.either: found 0, allowed: 1 to 1e308, or "auto"'),
        ({"leaf": {"points": [[0, 1], [2]]}}, "leaf.points[1]: found 1 values, but 2 are needed"),
        ({"leaf": {"points": 1}}, "leaf.points: found the number 1, but a list is needed"),
        ({"leaf": {"name": ""}}, "leaf.name: found '', but a text of 1 to 8 characters is needed"),
        (
            {"leaf": {"maybe": 0.5}},
            "leaf.maybe: found the number 0.5, but a whole number is needed, or null",
        ),
        (
            {"leaf": {"nmae": ""}},
            "leaf.nmae: no such key; did you mean name? Allowed here: number, word,",
        ),
        ({"leaf": {}, "leaves": [{}, {"number": -1}]}, "leaves[1].number: found -1, allowed"),
        ({"leaf": {}, "by_name": {"a": {"number": -1}}}, "`$.by_name[...].number`"),
        ({"leaf": {}, "x` - at `$.leaf": 1}, "x` - at `$.leaf"),
        ({"leaf": {}, "a\nb" + 99 * "c": 1}, "no such key"),
    ],
)
def test_a_mistake_is_one_sentence(raw: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        convert(raw, Root)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_become_what_the_struct_has() -> None:
    assert convert({"leaf": {"number": 2}}, Root).leaf.number == 2.0
    assert convert(parse_json(b'{"leaf": {"maybe": 640.0}}'), Root).leaf.maybe == 640


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"{]", "byte 1"),
        (b'{"a": NaN}', "NaN in it"),
        (b'{"a": -Infinity}', "Infinity in it"),
        (b"\xff", "byte 0"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_what_is_not_json_is_said(data: bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=r"^not JSON \(") as caught:
        parse_json(data)
    assert why in str(caught.value)


def test_toml_is_for_people_and_comes_back() -> None:
    root = Root(Leaf(2.5, points=((0.0, 1.0), (2.0, -3e-5)), name='"a"'), (Leaf(name="[1, 2]"),))
    text = as_toml(root, ["A heading.", ""])
    assert text.startswith("# A heading.\n#\n")
    assert "    [0.0, 1.0],\n" in text
    assert "maybe" not in text
    assert convert(parse_toml(text), Root) == root
    with pytest.raises(ConfigError, match="not valid TOML"):
        parse_toml("a = ")


def test_a_struct_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Leaf().number = 2.0  # type: ignore[misc]
    assert msgspec.structs.replace(Leaf(), number=2.0).number == 2.0
