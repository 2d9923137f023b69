"""What the fuzzers began from and found, replayed; and what no parser may ever do."""

import ast
import shutil
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.waiting import finished
from tests.system.fuzz.seeds import seeds
from tests.system.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
DEEP = {
    "config": b"a = " + b"[" * 5_000,
    "calibration": b"a = " + b"[" * 5_000,
    "settings": b"a=" + b"[" * 5_000,
    "discovery": b"[" * 200_000,
    "card": b"[" * 200_000,
    "faults": b"[" * 200_000,
    "command": b"\0" + b"[" * 4_000,
}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_corpus_raises_nothing_but_what_is_meant_for_the_user(target):
    stored = sorted((CORPUS / target).iterdir())
    for data in [*seeds()[target], *(f.read_bytes() for f in stored)]:
        TARGETS[target](data)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_cut_of_a_valid_input_is_refused_in_words(target):
    for seed in seeds()[target]:
        for end in range(0, len(seed), max(1, len(seed) // 40)):
            TARGETS[target](seed[:end])


@pytest.mark.parametrize("target", sorted(DEEP))
def test_deep_nesting_is_refused_in_words(target):
    TARGETS[target](DEEP[target])


@pytest.mark.once
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_pages_reader_of_messages_refuses_in_words():
    command = ["node", str(Path(__file__).parent / "fuzz" / "messages.mjs"), "5000"]
    done = finished(command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["edge", "export"])
def test_nothing_unpickles(package):
    """No pickle that would run code: np.load and torch.load only without it."""
    looked = 0
    for file in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom) and package == "edge":
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "marshal", "shelve", "dill", "joblib"} & set(names), (
                    f"{file}:{node.lineno}"
                )
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = ast.unparse(node.func.value)
            options = {k.arg: ast.unparse(k.value) for k in node.keywords}
            where = f"{file}:{node.lineno}"
            if (owner, node.func.attr) in (("np", "load"), ("np.lib.format", "read_array")):
                looked += 1
                # One place of edge checks what a file claims before it is read.
                assert package == "export" or file.name == "arrays.py", where
                assert options.get("allow_pickle", "False") == "False", where
            if (owner, node.func.attr) == ("torch", "load"):
                looked += 1
                assert options.get("weights_only") == "True", where
            assert not (
                owner in ("pickle", "cPickle", "dill")
                and node.func.attr in ("load", "loads", "Unpickler")
            ), where
    assert looked >= (2 if package == "edge" else 4)
