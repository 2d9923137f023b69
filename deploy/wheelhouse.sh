#!/usr/bin/env bash
# Puts everything that a device needs from the Python Package Index into one folder.
# usage: deploy/wheelhouse.sh FOLDER [MACHINE [PYTHON]]
# e.g. deploy/wheelhouse.sh wheelhouse aarch64 3.11
# MACHINE: of the devices; PYTHON: 3.11 (Bookworm) or 3.13 (Trixie). Default: those of this machine.
# FOLDER/SHA256SUMS lists the files. Sign: ssh-keygen -Y sign -f KEY -n posekernel FOLDER/SHA256SUMS
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,6s/^# //p' "$0"; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
machine=${2:-$(uname -m)}
version=${3:-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --disable-pip-version-check -q"
# Built from a copy, so that no build output of another version gets into the wheel.
mkdir "$work/source" && cp -r pyproject.toml README.md edge export firmware_config "$work/source/"
find "$work/source" -name __pycache__ -prune -exec rm -rf {} +

rm -f "$folder"/posekernel-*.whl
$pip wheel --no-deps -w "$folder" "$work/source"
wheel=$(echo "$folder"/posekernel-*.whl)
platforms=()
for libc in _2_28 _2_27 _2_17 2014 _2_34; do
  platforms+=(--platform "manylinux${libc}_$machine")
done
$pip download -c deploy/constraints.txt -d "$folder" --only-binary=:all: \
  --python-version "$version" "${platforms[@]}" "$wheel[setup]" simplejpeg
# pyalsaaudio has no wheels: deploy/debian/build.sh compiles it, with this setuptools.
$pip download -c deploy/constraints.txt -d "$folder" --no-deps --no-binary=:all: pyalsaaudio
$pip download -d "$folder" --no-deps setuptools wheel packaging
cp deploy/constraints.txt "$folder/"
(cd "$folder" && rm -f SHA256SUMS SHA256SUMS.sig && sha256sum -- * > SHA256SUMS)
size=$(du -sh "$folder" | cut -f1)
echo "$folder: $(wc -l < "$folder/SHA256SUMS") files, $size, for $machine and Python $version"
