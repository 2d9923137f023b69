"""The tree of the repository: what a newcomer must be able to rely on when looking for a file."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

PACKAGES = ("edge", "export", "tests")
MOST_MODULES = 12


def imports(path: Path) -> Iterator[str]:
    """Dotted names that the file imports, both of a module and of a name in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_file_imports_a_test_file() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}; move what both need to tests/support"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name in imports(path)
        if name.startswith("tests.") and any(n.startswith("test_") for n in name.split("."))
    ]
    assert not found, "\n".join(found)


def test_no_folder_holds_more_modules_than_one_can_look_over() -> None:
    found = {}
    for package in PACKAGES:
        for init in (ROOT / package).rglob("__init__.py"):
            modules = [m.name for m in init.parent.glob("*.py") if m != init]
            if len(modules) > MOST_MODULES:
                found[str(init.parent.relative_to(ROOT))] = len(modules)
    assert not found


def test_no_two_public_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for package in ("edge", "export"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: where for name, where in places.items() if len(where) > 1}
