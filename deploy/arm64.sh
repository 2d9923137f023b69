#!/usr/bin/env bash
# A Debian bookworm of the boards' architecture, emulated: the wheels install there, and the shipped session gives the same joints
# as on this machine. As root, on another architecture than arm64; needs debootstrap and qemu-user-static.
# usage: deploy/arm64.sh FOLDER        FOLDER: outside the repository, 3 GB; what is in it is used again
set -euo pipefail
[ $# -eq 1 ] || { sed -n '4s/^# //p' "$0"; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
tree=$folder/tree python=${PYTHON:-python3}
session=lib/python3.11/site-packages/edge/sessions/demo

if [ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]; then  # otherwise the package has done it
  [ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  cat /usr/lib/binfmt.d/qemu-aarch64.conf > /proc/sys/fs/binfmt_misc/register
fi
if [ ! -e "$tree/.complete" ]; then
  rm -rf --one-file-system "$tree"
  debootstrap --arch=arm64 --variant=minbase --include=python3-venv,gcc,python3-dev,libasound2-dev,libgomp1,ca-certificates \
    bookworm "$tree" > "$folder/debootstrap.log"
  touch "$tree/.complete"
fi
PYTHON=$python deploy/wheelhouse.sh "$folder/wheelhouse" aarch64 3.11

# proc: what the compiler of the kernels knows of the processor is read there. Its own mount namespace: nothing stays mounted.
emulated() {
  unshare --mount sh -c 'mount -t proc proc "$0/proc" && mount -t devtmpfs dev "$0/dev" && exec chroot "$0" env -i HOME=/root \
    PATH=/usr/sbin:/usr/bin NUMBA_CACHE_DIR=/var/cache/numba "$@"' "$tree" "$@"
}
rm -rf "$tree/opt/posekernel" "$tree/opt/wheelhouse" && cp -r "$folder/wheelhouse" "$tree/opt/"
echo "emulated: $(emulated uname -m), $(emulated python3 -V), glibc $(emulated ldd --version | sed -n '1s/.* //p')"
emulated python3 -m venv /opt/posekernel
emulated /opt/posekernel/bin/pip install -q --disable-pip-version-check --no-index --find-links /opt/wheelhouse \
  -c /opt/wheelhouse/constraints.txt 'posekernel[alsa]'
emulated /opt/posekernel/bin/pip list --format=freeze --disable-pip-version-check | paste -sd' '
emulated /opt/posekernel/bin/posekernel doctor --no-hardware --self-test
emulated /opt/posekernel/bin/posekernel replay "/opt/posekernel/$session" --json > "$folder/arm64.jsonl"

"$python" -m venv "$folder/here"
"$folder/here/bin/pip" install -q --disable-pip-version-check -c deploy/constraints.txt "$folder"/wheelhouse/posekernel-*.whl
"$folder/here/bin/posekernel" replay "$folder/here/$session" --json > "$folder/here.jsonl"
"$folder/here/bin/python" - "$folder/arm64.jsonl" "$folder/here.jsonl" "$(uname -m)" <<'END'
import json, statistics, sys
import numpy as np

there, here = ([json.loads(line) for line in open(path)] for path in sys.argv[1:3])
assert [p["frame"] for p in there] == [p["frame"] for p in here], "not the same frames gave poses"
joints = [np.array([[joint["position_m"] for joint in p["joints"]] for p in poses]) for poses in (there, here)]
apart = 1000 * np.linalg.norm(joints[0] - joints[1], axis=2)
print(f"{apart.shape[0]} poses of {apart.shape[1]} joints: arm64 and {sys.argv[3]} are {np.median(apart):.3f} mm apart in the median, {apart.max():.3f} mm at most")
for name, poses in (("arm64", there), (sys.argv[3], here)):
    print(f"error against the truth, median, on {name}: {100 * statistics.median(p['error_m'] for p in poses):.1f} cm")
END
