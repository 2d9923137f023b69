"""What the documents name exists: links, files, commands with their options, configuration keys."""

import argparse
import importlib.util
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from edge.core.config import Config
from edge.tools.command_line import make_parser as edge_parser
from export.commands.command_line import make_parser as export_parser

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
RESULTS = Path("export/studies/results")
FOLDERS = (".github", "deploy", "edge", "export", "firmware_config", "tests")
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in (*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md")))
    if "inventory" not in path.parts
)
# A results page is a record: it may name what there was when it was measured.
CURRENT = [path for path in DOCUMENTS if path.parent != RESULTS or path.name == "README.md"]
of_documents = pytest.mark.parametrize("document", DOCUMENTS, ids=str)
of_current = pytest.mark.parametrize("document", CURRENT, ids=str)


def code(document: Path) -> list[str]:
    """Lines of code blocks, continued lines joined, and what stands in backticks."""
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    fence = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^    (\S.*)", text, re.MULTILINE)
    lines = [line for block in fence.findall(text) for line in block.splitlines()]
    inline = [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", fence.sub("", text))]
    return [line.partition(" # ")[0] for line in [*lines, *indented, *inline]]


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


COMMANDS = {
    "posekernel": subcommands(edge_parser()),
    "posekernel-export": subcommands(export_parser()),
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@of_documents
def test_relative_links_lead_somewhere(document: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [
        link
        for link in links
        if link and "://" not in link and not (ROOT / document.parent / link).exists()
    ]
    assert missing == []


@of_current
def test_files_in_backticks_exist(document: Path) -> None:
    words = [word for line in code(document) for word in re.split(r"[\s,:]+", line)]
    paths = [word for word in words if re.match(rf"({'|'.join(FOLDERS)})/[\w.]", word)]
    examples = re.compile(r"\b[A-Z]{4,}\.")  # arrays/NAME.toml
    assert [p for p in paths if not examples.search(p) and not any(ROOT.glob(p.rstrip("/")))] == []


@of_current
def test_commands_and_their_options_exist(document: Path) -> None:
    wrong = []
    for line in code(document):
        for program, rest in re.findall(
            r"(?:^|[ /])(?<!-u )(posekernel(?:-export)?) ([^|&;]*)", line
        ):
            name, *words = rest.split() or [""]
            if not re.fullmatch(r"[a-z][a-z-]*", name):
                continue
            parser = COMMANDS[program].get(name)
            known = set() if parser is None else set(parser._option_string_actions)
            options = set(re.findall(r"--[a-z][a-z-]*", " ".join(words)))
            if parser is None or not options <= known:
                wrong.append(line)
    assert wrong == []


@of_current
def test_make_targets_and_modules_exist(document: Path) -> None:
    text = "\n".join(code(document))
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) <= TARGETS
    for module in re.findall(r"python -m ((?:tests|edge|export)[\w.]*)", text):
        assert importlib.util.find_spec(module) is not None, module


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 130
    assert [line for line in lines if len(line) > 100 and not line.startswith("|")] == []


def keys(section: Any, prefix: str = "") -> set[str]:
    """Dotted names of every key that a section of the configuration takes."""
    found = set()
    hints = get_type_hints(section)
    for field in section.__struct_fields__:
        hint = hints[field]
        inner = next((t for t in (hint, *get_args(hint)) if hasattr(t, "__struct_fields__")), None)
        name = f"{prefix}{field}"
        found |= {name} if inner is None else keys(inner, f"{name}.")
    return found


def test_the_hardware_readme_names_every_key() -> None:
    text = (ROOT / "firmware_config/README.md").read_text(encoding="utf-8")
    table = text.partition("## Keys")[2]
    named = set(re.findall(r"`([a-z]+(?:\.[a-z_]+)+)`", table))
    assert named == keys(Config)
