"""The page of results of several people."""

from pathlib import Path

import pytest

from export.commands.studies import people
from export.studies.people.results import TITLES, with_section

pytestmark = pytest.mark.export


@pytest.mark.parametrize("study", TITLES)
def test_a_study_renews_its_own_section_alone(study: str, tmp_path: Path) -> None:
    """Before: the one of the study before it, since the page had got a section by hand."""
    names = ["Simulator", *TITLES.values(), "By hand"]
    page = tmp_path / "page.md"
    page.write_text("# Several people\n\n" + "\n".join(f"## {n}\n\nold {n}\n" for n in names))
    new = with_section(page, TITLES[study], "new").split("\n## ")[1:]
    expected = [(n, "new" if n == TITLES[study] else f"old {n}") for n in names]
    assert [tuple(part.strip().split("\n\n")) for part in new] == expected


def test_a_new_section_comes_at_the_end_and_every_study_has_a_title(tmp_path: Path) -> None:
    page = with_section(tmp_path / "none.md", "Nobody", "text")
    assert page.endswith("## Nobody\n\ntext\n")
    assert people._STUDIES.keys() == TITLES.keys()
