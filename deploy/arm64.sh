#!/usr/bin/env bash
# A Debian bookworm of the boards' architecture, emulated: the wheels install there, and the shipped
# session gives the same joints as on this machine. As root; needs mmdebstrap and qemu-user-static.
# NUMBA_DISABLE_JIT=1 leaves the compiler out, which is slow when it is emulated.
# usage: deploy/arm64.sh FOLDER
# FOLDER: outside the repository, 2 GB; the Debian in it is used again.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '5,6s/^# //p' "$0"; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
tree=$folder/tree python=${PYTHON:-python3}

formats=/proc/sys/fs/binfmt_misc
if [ ! -e "$formats/qemu-aarch64" ]; then  # where there is systemd, it has done this
  [ -e "$formats/register" ] || mount -t binfmt_misc binfmt_misc "$formats"
  cat /usr/lib/binfmt.d/qemu-aarch64.conf > "$formats/register"
fi
# Unpacked only: nothing here needs to be configured, and that would be emulated, too.
if [ ! -e "$tree/.complete" ]; then
  rm -rf --one-file-system "$tree"
  mmdebstrap --quiet --architectures=arm64 --variant=extract \
    --include=python3-venv,libgomp1,libstdc++6 bookworm "$tree"
  mkdir -p "$tree/proc" "$tree/root" "$tree/opt" && touch "$tree/.complete"
fi
PYTHON=$python deploy/wheelhouse.sh "$folder/wheelhouse" aarch64 3.11
rm -rf "$tree/opt/posekernel" "$tree/opt/wheelhouse" && cp -r "$folder/wheelhouse" "$tree/opt/"

pip=$(cd "$tree" && echo /usr/share/python-wheels/pip-*.whl)
# /proc: what the libraries know of the processor; in a mount namespace, so that nothing stays.
emulated() {
  # shellcheck disable=SC2016
  unshare --mount bash -c 'mount -t proc proc "$0/proc" &&
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin NUMBA_CACHE_DIR=/var/cache/numba \
    NUMBA_DISABLE_JIT="$1" PYTHONPATH="$2" chroot "$0" "${@:3}"' \
    "$tree" "${NUMBA_DISABLE_JIT:-0}" "${with:-}" "$@"
}
emulated python3 -m venv --without-pip /opt/posekernel
with=$pip emulated /opt/posekernel/bin/python -m pip install -q --no-compile \
  --disable-pip-version-check --no-index \
  --find-links /opt/wheelhouse -c /opt/wheelhouse/constraints.txt posekernel
with=$pip emulated /opt/posekernel/bin/python -m pip list --format=freeze \
  --disable-pip-version-check | paste -sd' '
# It may be too slow for the doctor's patience.
emulated /opt/posekernel/bin/posekernel doctor --no-hardware || doctor=$?
"$python" -m venv "$folder/here"
"$folder/here/bin/pip" install -q --disable-pip-version-check -c deploy/constraints.txt \
  "$folder"/wheelhouse/posekernel-*.whl
replay='
import platform, sys, time, numpy as np
from edge.core.config import KeypointsConfig, LifterConfig
from edge.tools.self_test import shipped_poses
start = time.process_time()
poses, shown, error_m = shipped_poses(KeypointsConfig(), LifterConfig())
print(f"{platform.machine()}: {len(poses)} poses in {shown} frames, median error "
      f"{100 * error_m:.2f} cm, {time.process_time() - start:.0f} s of processor time")
people = [p for estimate in poses for p in estimate.people if p.pose is not None]
np.save(sys.argv[1], np.array([p.pose.joints for p in people]))'
emulated /opt/posekernel/bin/python -c "$replay" /root/joints.npy
"$folder/here/bin/python" -c "$replay" "$folder/here.npy"
"$folder/here/bin/python" -c '
import sys, numpy as np
there, here = (np.load(path) for path in sys.argv[1:])
assert there.shape == here.shape, f"{there.shape} there, {here.shape} here"
apart = 1000 * np.linalg.norm(there - here, axis=-1)
print(f"{apart.shape[0]} poses of {apart.shape[1]} joints, apart: {np.median(apart):.4f} mm "
      f"in the median, {apart.max():.4f} mm at most")' \
  "$tree/root/joints.npy" "$folder/here.npy"
exit "${doctor:-0}"
