"""The bill of materials against pyproject.toml, the pins, and allowed licences."""

import hashlib
import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT

SBOM = json.loads((ROOT / "deploy/sbom.json").read_text())
PACKAGES = {canonicalize_name(part["name"]): part for part in SBOM["components"] if "purl" in part}
PARTS = {
    part["bom-ref"]: part
    for whole in SBOM["components"]
    for part in [whole, *whole.get("components", [])]
}

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "libpng-2.0",
    "MIT",
    "OpenSSL",
    "PSF-2.0",
    "Python-2.0",
    "Zlib",
}
FFMPEG = "FFmpeg: a shared library of its own, unaltered, that the user may replace"
WEAK_COPYLEFT = {
    ("tqdm", "MPL-2.0"): "copyleft by file; installed unaltered, with its source",
    **{
        (name, "LGPL-2.1-or-later"): FFMPEG
        for name in ("libavcodec", "libavformat", "libavutil", "libswresample", "libswscale")
    },
    (
        "zeroconf",
        "LGPL-2.1-or-later",
    ): "a package of its own, unaltered, with its source, that the user may replace",
    (
        "libquadmath",
        "LGPL-2.1-or-later",
    ): "a shared library of its own, unaltered, that the user may replace",
    (
        "libgfortran",
        "GPL-3.0-or-later WITH GCC-exception-3.1",
    ): "the exception lets any program be linked with it",
}


def refused(name: str, expression: str) -> list[str]:
    """The licences of an SPDX expression that may not ship; an OR needs one good."""
    choices = []
    for choice in expression.split(" OR "):
        terms = [term.strip("() ") for term in choice.split(" AND ")]
        choices.append(
            [term for term in terms if term not in PERMISSIVE and (name, term) not in WEAK_COPYLEFT]
        )
    return min(choices, key=len)


def licence(part: dict) -> str:
    (entry,) = part["licenses"]
    return entry.get("expression") or entry["license"]["id"]


@pytest.mark.parametrize("reference", PARTS)
def test_licence_may_be_shipped(reference):
    part = PARTS[reference]
    expression = licence(part)
    assert "(" not in expression, "refused() reads flat expressions only"
    assert not (" AND " in expression and " OR " in expression)
    assert refused(part["name"], expression) == []


@pytest.mark.parametrize(
    ("name", "expression", "bad"),
    [
        ("tqdm", "MPL-2.0 AND MIT", []),
        ("other", "MPL-2.0 AND MIT", ["MPL-2.0"]),
        ("paho-mqtt", "EPL-2.0 OR BSD-3-Clause", []),
        ("other", "GPL-3.0-only", ["GPL-3.0-only"]),
        ("other", "", [""]),
    ],
)
def test_refused(name, expression, bad):
    assert refused(name, expression) == bad


def test_each_exception_is_used():
    used = {
        (part["name"], term) for part in PARTS.values() for term in licence(part).split(" AND ")
    }
    assert set(WEAK_COPYLEFT) <= used


def test_lists_exactly_what_the_runtime_requires():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needs = [Requirement(line) for line in project["dependencies"] + extras["pi"] + extras["setup"]]
    root = SBOM["metadata"]["component"]
    assert (root["name"], root["version"], licence(root)) == (
        project["name"],
        project["version"],
        project["license"],
    )
    edges = {entry["ref"]: entry["dependsOn"] for entry in SBOM["dependencies"]}
    direct = {
        canonicalize_name(PARTS[ref]["name"])
        for ref in edges[root["bom-ref"]]
        if "purl" in PARTS[ref]
    }
    assert direct == {canonicalize_name(need.name) for need in needs}
    for need in needs:
        assert PACKAGES[canonicalize_name(need.name)]["version"] in need.specifier, need
    reached, todo = set(), list(edges[root["bom-ref"]])
    while todo:
        reference = todo.pop()
        if reference not in reached:
            reached.add(reference)
            todo += edges.get(reference, [])
    assert reached == {part["bom-ref"] for part in SBOM["components"]}


def test_versions_are_the_pinned_ones():
    for part in PACKAGES.values():
        assert part["bom-ref"] == f"{part['name']}=={part['version']}"
        name, version = part["purl"].removeprefix("pkg:pypi/").split("@")
        assert (canonicalize_name(name), version) == (
            canonicalize_name(part["name"]),
            part["version"],
        )
    lines = (ROOT / "deploy/constraints.txt").read_text().splitlines()
    pinned = {
        canonicalize_name(name): version
        for name, version in (line.split("==") for line in lines if "==" in line)
    }
    common = PACKAGES.keys() & pinned.keys()
    assert {"numpy", "llvmlite", "pyalsaaudio", "ai-edge-litert"} <= common
    assert {name: PACKAGES[name]["version"] for name in common} == {
        name: pinned[name] for name in common
    }


def test_vendored_files_are_the_listed_ones():
    listed = {
        part["name"]: part["hashes"][0]["content"]
        for part in SBOM["components"]
        if "purl" not in part
    }
    assert {
        name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in listed
    } == listed
    others = [
        *(ROOT / "edge/models").glob("pose_*.tflite"),
        *(ROOT / "tests/data/video").glob("*.mp4"),
    ]
    assert {str(path.relative_to(ROOT)) for path in others} < listed.keys()
    for name in listed:
        where = PARTS[name]["description"].split("licence text: ")[1]
        assert (ROOT / where).exists()


def test_names_no_time_machine_or_address():
    text = (ROOT / "deploy/sbom.json").read_text()
    assert not re.search(r"https?:|file:|serialNumber|timestamp|/home/|/root/|/tmp/", text)


def test_table_is_that_of_the_bill():
    rows = [
        row
        for row in (ROOT / "export/studies/results/licences.md").read_text().splitlines()
        if row.startswith("| ")
    ][1:]
    shown = [row.replace("&emsp;", "") for row in rows]
    assert shown == [
        f"| {part['name']} | {part.get('version', '')} | {licence(part)} |"
        for part in PARTS.values()
    ]


def test_the_debian_package_names_the_licence_of_all_that_it_brings():
    stanzas = (ROOT / "deploy/debian/copyright").read_text().split("\n\n")
    brought = [
        part
        for part in PARTS.values()
        if not part["name"].startswith("tests/")  # the wheel has no tests
    ]
    assert len(brought) > 40
    for part in brought:
        name = re.sub("movenet_.*", "movenet_", part["name"]).lower().replace("-", "_")
        expression = licence(part)
        for word in (" AND ", " OR ", " WITH "):
            expression = expression.replace(word, word.lower())
        assert any(
            name in stanza.lower().replace("-", "_")
            and f"\nLicense: {expression}\n" in f"{stanza}\n"
            for stanza in stanzas
        ), (name, expression)
