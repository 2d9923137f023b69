#!/usr/bin/env bash
# Follows deploy/debian/README.md's recipe from the source, word for word, in bare Debians, and ends
# in `posekernel doctor --self-test`. Prints what happened as the rows of a table. As root; needs
# debootstrap and python3. 3 GB a tree.
# usage: deploy/install-trees.sh FOLDER [bookworm|trixie]...      FOLDER: outside the repository
# Debian has neither python3-picamera2 nor, on Bookworm, python3-libcamera: the published packages
# stand in for them, in the system's own folder. As in Raspberry Pi OS, simplejpeg is there one that
# was built for the system's numpy.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9s/^# //p' "$0"; exit 2; }
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
shift
[ $# -gt 0 ] || set -- bookworm trixie
system=/usr/lib/python3/dist-packages
# name: picamera2 and simplejpeg of its time
declare -A picamera2=([bookworm]=0.3.31 [trixie]=0.3.31)
declare -A simplejpeg=([bookworm]=1.7.2 [trixie]=1.8.2)

inside() {  # in a mount namespace, so that nothing stays mounted
  # shellcheck disable=SC2016
  unshare --mount bash -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt chroot "$0" sh -ec "cd /home/posekernel; $1"' \
    "$tree" "$1"
}
# The line of the recipe with these words.
recipe() { grep -m1 -- "$1" deploy/debian/README.md | sed 's/ *#.*//'; }
row() { echo "| $name | $1 | $2 |"; }

for name in "$@"; do
  tree=$folder/$name
  if [ ! -e "$tree/.complete" ]; then
    rm -rf --one-file-system "$tree"
    debootstrap --variant=minbase --include=python3,ca-certificates "$name" "$tree" >"$tree.log"
    touch "$tree/.complete"
  fi
  cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$tree/home/posekernel" && mkdir -p "$tree/home/posekernel"
  git ls-files -z | xargs -0 cp --parents -t "$tree/home/posekernel"

  apt=$(recipe 'sudo apt install python3' |
    sed 's/sudo apt install//; s/python3-picamera2 //; s/^ //')
  inside "apt-get update -qq && apt-get install -y -qq --no-install-recommends $apt" \
    >"$tree.log" 2>&1
  row "\`apt install\` $apt" "done"
  libcamera="" stub=libcamera
  [ "$name" = bookworm ] || { libcamera="python3-libcamera libcamera-ipa"; stub=""; }
  inside "apt-get install -y -qq --no-install-recommends python3-pip python3-numpy python3-opencv \
    python3-pil python3-av python3-jsonschema python3-piexif python3-tqdm $libcamera" \
    >>"$tree.log" 2>&1
  inside "rm -rf $system/picamera2* $system/simplejpeg*; python3 -m pip install -q --no-deps \
    --target $system --upgrade picamera2==${picamera2[$name]} simplejpeg==${simplejpeg[$name]} \
    pidng libarchive-c videodev2" >>"$tree.log" 2>&1
  # Empty ones, for a screen (pykms), process names (prctl) and, on Bookworm, the camera itself.
  for module in pykms prctl $stub; do
    printf '%s\n' 'import sys' 'from unittest.mock import MagicMock' \
      'sys.modules[__name__] = MagicMock(name=__name__, __spec__=__spec__)' \
      >"$tree$system/$module.py"
  done
  versions='import numpy, cv2, picamera2, simplejpeg
print(f"numpy {numpy.__version__}, OpenCV {cv2.__version__}")'
  row "the system's own \`import numpy, picamera2\`" \
    "$(inside "python3 -c '$versions'" 2>&1 | tail -1)"

  for line in 'python3 -m venv --system' 'venv/bin/pip install'; do
    inside "$(recipe "$line")" >>"$tree.log" 2>&1
    row "\`$(recipe "$line")\`" "done"
  done
  doctor() { inside "venv/bin/posekernel doctor $1 2>/dev/null" | tee -a "$tree.log" || true; }
  row "\`doctor --no-hardware\`: picamera2" \
    "$(doctor --no-hardware | grep -m1 picamera2 | sed 's/  */ /g')"
  inside "venv/bin/python -c 'import picamera2, edge.sensor.run'" >>"$tree.log" 2>&1
  row "\`import picamera2\` and the sensor in one process" "done"
  found=$(doctor '--no-hardware --self-test')
  good=$(grep -c '^OK' <<<"$found") bad=$(grep -c '^ERROR' <<<"$found" || true)
  row "\`doctor --no-hardware --self-test\`" \
    "$good OK, $bad ERROR; $(grep -m1 ' poses ' <<<"$found" | sed 's/  */ /g')"

  # What the extra simplejpeg is for.
  inside "venv/bin/pip uninstall -q -y simplejpeg" >>"$tree.log" 2>&1 || true
  row "the same without pip's simplejpeg: picamera2" \
    "$(doctor --no-hardware | grep -m1 -A1 picamera2 | tr -s ' \n' ' ')"
  inside "venv/bin/pip install -q --force-reinstall --no-deps simplejpeg" >>"$tree.log" 2>&1
  row "after its remedy" "$(doctor --no-hardware | grep -m1 picamera2 | sed 's/  */ /g')"
done
